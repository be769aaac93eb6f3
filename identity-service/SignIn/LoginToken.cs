using System.Buffers.Text;
using System.Security.Cryptography;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.SignIn;

/// <summary>Names a <see cref="PendingSignIn"/>: 256 random bits without content. The row has their SHA-256.</summary>
internal sealed class LoginToken
{
    // People and secret scanners recognise it.
    private const string Prefix = "authmesh_lt_";

    private const int SecretBytes = 32;

    private readonly byte[] secret;

    private LoginToken(byte[] secret) => this.secret = secret;

    public byte[] Hash => SHA256.HashData(secret); // 256 random bits cannot be guessed, so they need neither salt nor cost

    public string Text => Prefix + Base64Url.EncodeToString(secret);

    public static LoginToken Create() => new(RandomNumberGenerator.GetBytes(SecretBytes));

    /// <returns>The token, or null if this service cannot have written the text.</returns>
    public static LoginToken? TryParse(string text)
    {
        var secret = new byte[SecretBytes];
        return text.StartsWith(Prefix, StringComparison.Ordinal) && CanonicalBase64Url.TryDecode(text.AsSpan(Prefix.Length), secret)
            ? new LoginToken(secret)
            : null;
    }
}
