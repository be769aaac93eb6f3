using System.Security.Cryptography;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>Base32 without padding (RFC 4648 §6), for texts that people type.</summary>
internal static class Base32
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    private const int BitsPerCharacter = 5;

    public static string Encode(ReadOnlySpan<byte> bytes)
    {
        var text = new char[((bytes.Length * 8) + BitsPerCharacter - 1) / BitsPerCharacter];
        for (var i = 0; i < text.Length; i++)
        {
            var value = 0;
            for (var bit = i * BitsPerCharacter; bit < (i + 1) * BitsPerCharacter; bit++)
            {
                var isSet = bit / 8 < bytes.Length && (bytes[bit / 8] & (0x80 >> (bit % 8))) != 0;
                value = (value << 1) | (isSet ? 1 : 0);
            }

            text[i] = Alphabet[value];
        }

        return new string(text);
    }

    /// <summary>Random characters: five bits each.</summary>
    public static string Random(int length) => RandomNumberGenerator.GetString(Alphabet, length);
}
