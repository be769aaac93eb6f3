using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AuthMesh.Identity.OpenId;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenId;

/// <summary>
/// A key pair of an application, and what it signs. Everything can be changed, so that a test can send what no library writes.
/// </summary>
public sealed class AssertionKey(AsymmetricAlgorithm pair, string algorithm, string id) : IDisposable
{
    public static AssertionKey Ec(string id = "key-1") => new(ECDsa.Create(ECCurve.NamedCurves.nistP256), "ES256", id);

    /// <param name="algorithm">RS256 or PS256.</param>
    /// <param name="id">The kid.</param>
    /// <param name="bits">Of the modulus.</param>
    public static AssertionKey Rsa(string algorithm = "RS256", string id = "key-1", int bits = 2048) =>
        new(RSA.Create(bits), algorithm, id);

    public static AssertionKey Of(string algorithm) => algorithm == "ES256" ? Ec() : Rsa(algorithm);

    /// <summary>The public key.</summary>
    public Dictionary<string, object?> Jwk => pair is ECDsa ec && ec.ExportParameters(false) is { Q: var point }
        ? new() { ["kty"] = "EC", ["kid"] = id, ["crv"] = "P-256", ["x"] = Encode(point.X!), ["y"] = Encode(point.Y!) }
        : ((RSA)pair).ExportParameters(false) is var parameters
            ? new() { ["kty"] = "RSA", ["kid"] = id, ["n"] = Encode(parameters.Modulus!), ["e"] = Encode(parameters.Exponent!) }
            : [];

    /// <summary>The set with this key alone.</summary>
    public object Jwks => new { keys = new[] { Jwk } };

    /// <summary>The claims of a good assertion.</summary>
    public static Dictionary<string, object?> ClaimsOf(string clientId) => new()
    {
        ["iss"] = clientId, ["sub"] = clientId, ["aud"] = ProductionMesh.Issuer, ["jti"] = Guid.NewGuid().ToString("N"),
        ["iat"] = Now, ["exp"] = Now + 60,
    };

    public static long Now => TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Signs an assertion.</summary>
    /// <param name="claims">What it says.</param>
    /// <param name="header">Other members of the header; null leaves one out.</param>
    public string Sign(Dictionary<string, object?> claims, params (string Name, object? Value)[] header)
    {
        var members = new Dictionary<string, object?> { ["alg"] = algorithm, ["kid"] = id, ["typ"] = "JWT" };
        foreach (var (name, value) in header)
        {
            members[name] = value;
        }

        return Sign(
            JsonSerializer.Serialize(members.Where(member => member.Value is not null).ToDictionary()), JsonSerializer.Serialize(claims));
    }

    /// <summary>Signs any two texts.</summary>
    public string Sign(string header, string payload)
    {
        var text = $"{Encode(Encoding.UTF8.GetBytes(header))}.{Encode(Encoding.UTF8.GetBytes(payload))}";
        var bytes = Encoding.ASCII.GetBytes(text);
        var signature = pair is ECDsa ec
            ? ec.SignData(bytes, HashAlgorithmName.SHA256)
            : ((RSA)pair).SignData(
                bytes, HashAlgorithmName.SHA256, algorithm == "PS256" ? RSASignaturePadding.Pss : RSASignaturePadding.Pkcs1);
        return $"{text}.{Encode(signature)}";
    }

    /// <summary>A new good assertion.</summary>
    public string Sign(string clientId) => Sign(ClaimsOf(clientId));

    /// <summary>The parameters of a form that carry an assertion.</summary>
    public static (string, string)[] Form(string assertion) =>
        [("client_assertion_type", ClientAssertions.Type), ("client_assertion", assertion)];

    public void Dispose() => pair.Dispose();

    public static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);
}
