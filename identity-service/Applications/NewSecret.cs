using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AuthMesh.Identity.Applications;

/// <summary>A new secret: 256 random bits in base64url. It has no prefix of a key, which the gateway would trade.</summary>
internal sealed record NewSecret(Guid Id, string Text)
{
    public byte[] Hash => HashOf(Text);

    public static NewSecret Create(DateTimeOffset now) =>
        new(Guid.CreateVersion7(now), Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32)));

    public static byte[] HashOf(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));
}
