using System.Security.Cryptography;
using System.Text;

namespace AuthMesh.Identity.Keys;

/// <summary>AES-256-GCM with a random nonce (NIST SP 800-38D).</summary>
internal static class AesSeal
{
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    /// <param name="key">32 bytes.</param>
    /// <param name="secret">The bytes to seal.</param>
    /// <param name="context">The secret's use, authenticated with it; a sealed secret opens in no other context.</param>
    /// <returns>Nonce, tag and ciphertext, concatenated.</returns>
    public static byte[] Seal(byte[] key, ReadOnlySpan<byte> secret, string context)
    {
        var sealedSecret = new byte[NonceBytes + TagBytes + secret.Length];
        var nonce = sealedSecret.AsSpan(0, NonceBytes);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(key, TagBytes);
        aes.Encrypt(
            nonce, secret, sealedSecret.AsSpan(NonceBytes + TagBytes), sealedSecret.AsSpan(NonceBytes, TagBytes),
            Encoding.UTF8.GetBytes(context));
        return sealedSecret;
    }

    /// <returns>The secret, or null if it was sealed with another key or in another context, or if somebody changed it.</returns>
    public static byte[]? TryOpen(byte[] key, ReadOnlySpan<byte> sealedSecret, string context)
    {
        if (sealedSecret.Length < NonceBytes + TagBytes)
        {
            return null;
        }

        var secret = new byte[sealedSecret.Length - NonceBytes - TagBytes];
        try
        {
            using var aes = new AesGcm(key, TagBytes);
            aes.Decrypt(
                sealedSecret[..NonceBytes], sealedSecret[(NonceBytes + TagBytes)..], sealedSecret.Slice(NonceBytes, TagBytes), secret,
                Encoding.UTF8.GetBytes(context));
            return secret;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }
}
