using System.Buffers.Text;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Keys;

/// <summary>Reads a JWK set (RFC 7517 §5). It skips keys of other types and uses, as RFC 7517 §5 asks.</summary>
internal static class JsonWebKeySet
{
    private const int CoordinateBytes = 32; // P-256, RFC 7518 §6.2.1.2

    /// <param name="json">The set as the issuer sent it.</param>
    /// <param name="held">Keys already held. An unchanged key stays the same object and keeps everything cached for it.</param>
    /// <exception cref="InvalidDataException">The text is not a JWK set, or a P-256 key in it is malformed.</exception>
    public static FrozenDictionary<string,
        ECDsaSecurityKey> Read(ReadOnlySpan<byte> json, IReadOnlyDictionary<string, ECDsaSecurityKey> held)
    {
        try
        {
            var set = JsonSerializer.Deserialize(json, JsonWebKeyJson.Default.JwkSet);
            var keys = new Dictionary<string, ECDsaSecurityKey>();
            foreach (var jwk in set?.Keys ?? [])
            {
                if (jwk is
                    {
                        Kty: "EC", Crv: "P-256", Kid: { Length: > 0 } kid, X: { } x, Y: { } y, Use: null or "sig",
                        Alg: null or "ES256"
                    })
                {
                    keys[kid] = Reuse(held, kid, new ECPoint { X = Coordinate(x), Y = Coordinate(y) });
                }
            }

            return keys.ToFrozenDictionary();
        }
        catch (Exception exception) when (exception is JsonException or FormatException or CryptographicException)
        {
            throw new InvalidDataException("The key set cannot be read: " + exception.Message, exception);
        }
    }

    private static ECDsaSecurityKey Reuse(IReadOnlyDictionary<string, ECDsaSecurityKey> held, string kid, ECPoint point)
    {
        if (held.TryGetValue(kid, out var key)
            && key.ECDsa.ExportParameters(includePrivateParameters: false).Q is var q
            && q.X.AsSpan().SequenceEqual(point.X) && q.Y.AsSpan().SequenceEqual(point.Y))
        {
            return key;
        }

        var parameters = new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = point };
        return new ECDsaSecurityKey(ECDsa.Create(parameters)) { KeyId = kid };
    }

    private static byte[] Coordinate(string value) => Base64Url.DecodeFromChars(value) is { Length: CoordinateBytes } bytes
        ? bytes
        : throw new FormatException("a P-256 coordinate has 32 bytes.");
}

internal sealed record JwkSet(IReadOnlyList<Jwk?>? Keys);

internal sealed record Jwk(string? Kty, string? Crv, string? Kid, string? Use, string? Alg, string? X, string? Y);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(JwkSet))]
internal sealed partial class JsonWebKeyJson : JsonSerializerContext;
