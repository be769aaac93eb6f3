using System.Security.Cryptography;
using System.Text;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// The only secret outside the database. It seals all others with AES-256-GCM (NIST SP 800-38D), so a copy of the database alone does not
/// suffice to mint a token or guess a password. During a change of the master key, the previous one still opens what it sealed.
/// </summary>
internal sealed class MasterKey(byte[] key, byte[]? previous = null)
{
    private const int KeyBytes = 32;
    private const int NonceBytes = 12;
    private const int TagBytes = 16;

    public static MasterKey Read(MasterKeyOptions options) => new(
        Decode(Secret.Read(options.MasterKey, options.MasterKeyFile))!,
        Decode(Secret.Read(options.PreviousMasterKey, options.PreviousMasterKeyFile))); // null where none is set

    /// <param name="secret">The bytes to seal.</param>
    /// <param name="context">The secret's use, authenticated with it; a sealed secret opens in no other context.</param>
    /// <returns>Nonce, tag and ciphertext, concatenated.</returns>
    public byte[] Seal(ReadOnlySpan<byte> secret, string context)
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
    public byte[]? TryOpen(ReadOnlySpan<byte> sealedSecret, string context) =>
        TryOpen(key, sealedSecret, context) ?? (previous is null ? null : TryOpen(previous, sealedSecret, context));

    private static byte[]? TryOpen(byte[] key, ReadOnlySpan<byte> sealedSecret, string context)
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

    internal static byte[]? Decode(string text)
    {
        var bytes = new byte[KeyBytes + 1];
        return Convert.TryFromBase64String(text.Trim(), bytes, out var length) && length == KeyBytes ? bytes[..KeyBytes] : null;
    }
}
