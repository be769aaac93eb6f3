using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace AuthMesh.Bench.Tokens;

/// <summary>Makes tokens as the identity service does, and signs whatever else it is given.</summary>
internal sealed class Mint(string keyId) : IDisposable
{
    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Header => $$"""{"alg":"ES256","kid":"{{keyId}}","typ":"at+jwt"}""";

    public static JsonObject Claims(DateTimeOffset now) => new()
    {
        ["iss"] = Verifier.Issuer,
        ["aud"] = "authmesh",
        ["sub"] = Guid.CreateVersion7().ToString(),
        ["client_id"] = "authmesh",
        ["jti"] = Guid.NewGuid().ToString("N"),
        ["sid"] = Guid.CreateVersion7().ToString(),
        ["epoch"] = 0,
        ["preferred_username"] = "u-" + Guid.NewGuid().ToString("N")[..10],
        ["role"] = "user",
        ["iat"] = now.ToUnixTimeSeconds(),
        ["exp"] = now.ToUnixTimeSeconds() + 1800,
    };

    public string Sign(string header, string claims)
    {
        var signed = Encode(header) + "." + Encode(claims);
        return signed + "." + Base64Url.EncodeToString(Key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256));
    }

    public void Dispose() => Key.Dispose();

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
