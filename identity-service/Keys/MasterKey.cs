using AuthMesh.Settings;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// The only secret outside the database. It seals all others with AES-256-GCM (NIST SP 800-38D), so a copy of the database alone does not
/// suffice to mint a token or guess a password. During a change of the master key, the previous one still opens what it sealed.
/// </summary>
internal sealed class MasterKey(byte[] key, byte[]? previous = null)
{
    private const int KeyBytes = 32;

    public static MasterKey Read(MasterKeyOptions options) => new(
        Decode(Secret.Read(options.MasterKey, options.MasterKeyFile))!,
        Decode(Secret.Read(options.PreviousMasterKey, options.PreviousMasterKeyFile))); // null where none is set

    /// <inheritdoc cref="AesSeal.Seal"/>
    public byte[] Seal(ReadOnlySpan<byte> secret, string context) => AesSeal.Seal(key, secret, context);

    /// <inheritdoc cref="AesSeal.TryOpen"/>
    public byte[]? TryOpen(ReadOnlySpan<byte> sealedSecret, string context) =>
        AesSeal.TryOpen(key, sealedSecret, context)
        ?? (previous is null ? null : AesSeal.TryOpen(previous, sealedSecret, context));

    internal static byte[]? Decode(string text)
    {
        var bytes = new byte[KeyBytes + 1];
        return Convert.TryFromBase64String(text.Trim(), bytes, out var length) && length == KeyBytes ? bytes[..KeyBytes] : null;
    }
}
