using System.Buffers;
using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace AuthMesh.Tokens;

/// <summary>
/// The text of a key: <c>am_</c>, 32 random bytes in base62, and a checksum. Secret scanners and the gateway recognise a key by the
/// prefix. The checksum finds typing errors before anybody is asked; it keeps nobody out.
/// </summary>
internal static class KeyText
{
    public const string Prefix = "am_";

    private const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    private static readonly SearchValues<char> Characters = SearchValues.Create(Digits);

    private const int SecretBytes = 32, SecretDigits = 43, ChecksumDigits = 6; // 62^43 > 2^256, and 62^6 > 2^32

    /// <summary>In characters.</summary>
    public const int Length = 3 + SecretDigits + ChecksumDigits;

    public static string Create()
    {
        var secret = new char[SecretDigits];
        var number = new BigInteger(RandomNumberGenerator.GetBytes(SecretBytes), isUnsigned: true);
        for (var i = SecretDigits - 1; i >= 0; i--)
        {
            number = BigInteger.DivRem(number, Digits.Length, out var digit);
            secret[i] = Digits[(int)digit];
        }

        Span<char> checksum = stackalloc char[ChecksumDigits];
        WriteChecksum(secret, checksum);
        return string.Concat(Prefix, secret, checksum);
    }

    /// <returns>Whether the text may be a key. Then it consists of ASCII letters, digits and an underscore.</returns>
    public static bool IsValid(ReadOnlySpan<char> text)
    {
        if (text.Length != Length || !text.StartsWith(Prefix, StringComparison.Ordinal)
            || text[Prefix.Length..].ContainsAnyExcept(Characters))
        {
            return false;
        }

        Span<char> checksum = stackalloc char[ChecksumDigits];
        WriteChecksum(text[Prefix.Length..^ChecksumDigits], checksum);
        return text[^ChecksumDigits..].SequenceEqual(checksum);
    }

    /// <summary>SHA-256 of the text. 256 random bits cannot be guessed, so they need neither salt nor cost.</summary>
    public static byte[] Hash(string key) => SHA256.HashData(Encoding.ASCII.GetBytes(key));

    // The CRC-32 of zip files (ISO 3309), with the reversed polynomial, bit by bit: it runs for keys that are not cached.
    private static void WriteChecksum(ReadOnlySpan<char> secret, Span<char> checksum)
    {
        var crc = uint.MaxValue;
        foreach (var character in secret)
        {
            crc ^= character;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            }
        }

        crc = ~crc;
        for (var i = checksum.Length - 1; i >= 0; i--)
        {
            checksum[i] = Digits[(int)(crc % Digits.Length)];
            crc /= (uint)Digits.Length;
        }
    }
}
