using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.Keys;

/// <summary>A signing pair of the ring, opened.</summary>
internal sealed class SigningKey
{
    public SigningKey(byte[] pkcs8)
    {
        var pair = ECDsa.Create(); // never disposed: a request may sign with it at any moment
        pair.ImportPkcs8PrivateKey(pkcs8, out _);
        var (x, y) = Coordinates(pair);
        var id = Thumbprint(pair);
        Security = new ECDsaSecurityKey(pair) { KeyId = id };
        Jwk = new JwkResponse("EC", "P-256", "sig", "ES256", id, x, y);
    }

    public ECDsaSecurityKey Security { get; }

    public JwkResponse Jwk { get; }

    /// <summary>Derives the key id from the public key (RFC 7638 §3.2), so a new key has a new id.</summary>
    public static string Thumbprint(ECDsa pair)
    {
        var (x, y) = Coordinates(pair);
        return Base64Url.EncodeToString(
            SHA256.HashData(Encoding.ASCII.GetBytes($$"""{"crv":"P-256","kty":"EC","x":"{{x}}","y":"{{y}}"}""")));
    }

    private static (string X, string Y) Coordinates(ECDsa pair)
    {
        var point = pair.ExportParameters(includePrivateParameters: false).Q;
        return (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
    }
}

/// <summary>A public signing key (RFC 7517 §4, RFC 7518 §6.2.1).</summary>
public sealed record JwkResponse(string Kty, string Crv, string Use, string Alg, string Kid, string X, string Y);
