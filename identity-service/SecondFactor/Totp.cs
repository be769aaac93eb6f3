using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds, as all authenticator apps do it.</summary>
internal static class Totp
{
    public const int Digits = 6, StepSeconds = 30;

    /// <summary>The output size of SHA-1, as RFC 4226 §4 recommends.</summary>
    public const int SecretBytes = 20;

    private const int Modulus = 1_000_000; // 10 to the power of Digits

    public static long StepAt(DateTimeOffset time) => time.ToUnixTimeSeconds() / StepSeconds;

    /// <summary>The code of a step (RFC 4226 §5.3).</summary>
    [SuppressMessage("Security", "CA5350", Justification = "Apps compute it. HMAC does not rest on what is broken in SHA-1.")]
    public static string CodeAt(byte[] secret, long step)
    {
        Span<byte> counter = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(counter, step);
        var mac = HMACSHA1.HashData(secret, counter);
        var number = BinaryPrimitives.ReadInt32BigEndian(mac.AsSpan(mac[^1] & 0xf)) & int.MaxValue;
        return (number % Modulus).ToString("D6", System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Finds the step of a code: the present one, or one on each side for clocks that differ and people who type (§5.2).</summary>
    /// <returns>The newest step that has this code, or null.</returns>
    public static long? FindStep(byte[] secret, string code, long now)
    {
        var given = System.Text.Encoding.UTF8.GetBytes(code.Replace(" ", "", StringComparison.Ordinal)); // apps show groups
        long? found = null;
        for (var step = now - 1; step <= now + 1; step++)
        {
            // All three are compared, each in constant time.
            found = CryptographicOperations.FixedTimeEquals(System.Text.Encoding.ASCII.GetBytes(CodeAt(secret, step)), given)
                ? step : found;
        }

        return found;
    }
}
