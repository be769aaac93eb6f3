using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;

namespace AuthMesh.Client.Tour;

/// <summary>An authenticator app, so that the tour can show a second factor (RFC 6238).</summary>
internal sealed class AuthenticatorApp(string secret)
{
    private const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"; // RFC 4648 §6
    private const int StepSeconds = 30, Modulus = 1_000_000;

    private readonly byte[] key = Decode(secret);
    private long lastStep;

    /// <summary>
    /// The code of the present step, or of the next one if the present one was used: a code is good once, and the server accepts the next.
    /// </summary>
    public string NextCode()
    {
        lastStep = Math.Max(lastStep + 1, TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / StepSeconds);
        return CodeAt(lastStep);
    }

    /// <summary>A code that the server must refuse.</summary>
    public string WrongCode()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / StepSeconds;
        var right = Enumerable.Range(-5, 11).Select(step => CodeAt(now + step)).ToHashSet();
        return Enumerable.Range(0, right.Count + 1).Select(Text).First(code => !right.Contains(code));
    }

    [SuppressMessage("Security", "CA5350", Justification = "RFC 6238 demands it, and HMAC does not rest on what is broken in SHA-1.")]
    private string CodeAt(long step)
    {
        Span<byte> counter = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        var mac = HMACSHA1.HashData(key, counter);
        return Text((BinaryPrimitives.ReadInt32BigEndian(mac.AsSpan(mac[^1] & 0xf)) & int.MaxValue) % Modulus);
    }

    private static string Text(int number) => number.ToString("D6", CultureInfo.InvariantCulture);

    private static byte[] Decode(string text)
    {
        var bytes = new byte[text.Length * 5 / 8];
        for (var bit = 0; bit < bytes.Length * 8; bit++)
        {
            var value = Math.Max(0, Base32.IndexOf(text[bit / 5], StringComparison.OrdinalIgnoreCase));
            bytes[bit / 8] |= (byte)(((value >> (4 - (bit % 5))) & 1) << (7 - (bit % 8)));
        }

        return bytes;
    }
}
