using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Tokens;

namespace AuthMesh.Bench.Tokens;

/// <summary>Mints tokens as the identity service does, and signs any other header and claims.</summary>
internal sealed class Mint(string keyId) : IDisposable
{
    public ECDsa Key { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public string Header => $$"""{"alg":"ES256","kid":"{{keyId}}","typ":"at+jwt"}""";

    public static JsonObject Claims(DateTimeOffset now)
    {
        var content = new TokenContent
        {
            Issuer = Verifier.Issuer,
            Audience = "authmesh",
            Subject = Guid.CreateVersion7(),
            ClientId = "authmesh",
            Id = Guid.NewGuid().ToString("N"),
            SessionId = Guid.CreateVersion7(),
            Epoch = 0,
            Username = "u-" + Guid.NewGuid().ToString("N")[..10],
            Role = "user",
            IssuedAt = now.ToUnixTimeSeconds(),
            ExpiresAt = now.ToUnixTimeSeconds() + 1800,
        };
        return JsonSerializer.SerializeToNode(content.Write())!.AsObject();
    }

    public string Sign(string header, string claims)
    {
        var signed = Encode(header) + "." + Encode(claims);
        return signed + "." + Base64Url.EncodeToString(Key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256));
    }

    public void Dispose() => Key.Dispose();

    private static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));
}
