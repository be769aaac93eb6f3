using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Identity.Platform;
using Microsoft.IdentityModel.Tokens;
using NpgsqlTypes;

namespace AuthMesh.Identity.Applications;

/// <summary>The public keys by which an application authenticates: a JSON Web Key Set (RFC 7517 §5).</summary>
/// <param name="Keys">1 to 10 keys, so that a new one can replace another without a gap. Empty in a request that removes the set.</param>
public sealed record ClientKeySet(IReadOnlyList<ClientKey?>? Keys = null)
{
    private const int Most = 10, LongestKeyId = 128;

    /// <returns>The stored set; null if the column is.</returns>
    internal static ClientKeySet? Parse(string? text) =>
        text is null ? null : JsonSerializer.Deserialize(text, ClientKeyJson.Default.ClientKeySet);

    /// <summary>The set as JSON. PostgreSQL stores and returns it in an order of its own.</summary>
    internal string ToText() => JsonSerializer.Serialize(this, ClientKeyJson.Default.ClientKeySet);

    /// <summary>The value of the column <c>applications.jwks</c>.</summary>
    internal static Npgsql.NpgsqlParameter ParameterOf(ClientKeySet? keys) =>
        new("jwks", NpgsqlDbType.Jsonb) { Value = (object?)keys?.ToText() ?? DBNull.Value };

    /// <summary>The set with this key alone, for <c>jwks @&gt; @key</c>: whether a stored set holds the key.</summary>
    internal static Npgsql.NpgsqlParameter ParameterOf(ClientKey key) =>
        new("key", NpgsqlDbType.Jsonb) { Value = new ClientKeySet([key]).ToText() };

    /// <returns>What is wrong with the set, as the end of a sentence; or null.</returns>
    internal string? FindFault()
    {
        if (Keys is not { Count: >= 1 and <= Most } || Keys.Contains(null)
            || !Keys.All(key => key!.Kid is { Length: >= 1 and <= LongestKeyId } id && id.All(c => c is > ' ' and <= '~'))
            || Keys.Select(key => key!.Kid).Distinct(StringComparer.Ordinal).Count() != Keys.Count)
        {
            return $"must be {{\"keys\":[…]}} with 1 to {Most} public keys, each with a kid of its own of 1 to {LongestKeyId} visible "
                + "ASCII characters";
        }

        return Keys.Select(key => key!.FindFault()).FirstOrDefault(fault => fault is not null);
    }

    internal ClientKey? Find(string keyId) => Keys!.FirstOrDefault(key => key!.Kid == keyId);
}

/// <summary>
/// One public key (RFC 7517 §4, RFC 7518 §6). A request with any other member is refused, so nobody stores a private key here, or the
/// address of one.
/// </summary>
/// <param name="Kty"><c>EC</c> or <c>RSA</c>.</param>
/// <param name="Kid">By which a signature names the key.</param>
/// <param name="Use"><c>sig</c>, or absent.</param>
/// <param name="KeyOps"><c>verify</c>, or absent.</param>
/// <param name="Alg">The only algorithm of the key; absent if its type decides.</param>
/// <param name="Crv">The curve of an EC key: <c>P-256</c>.</param>
/// <param name="X">Of an EC key.</param>
/// <param name="Y">Of an EC key.</param>
/// <param name="N">The modulus of an RSA key.</param>
/// <param name="E">The exponent of an RSA key: <c>AQAB</c>.</param>
public sealed record ClientKey(
    string? Kty = null,
    string? Kid = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Use = null,
    [property: JsonPropertyName("key_ops")][property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    IReadOnlyList<string?>? KeyOps = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Alg = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Crv = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? X = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Y = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? N = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? E = null)
{
    private const int CoordinateBytes = 32; // P-256

    // 2048 bits are the fewest that RFC 7518 §3.3 allows. A larger modulus would only cost time, which anybody could make us spend.
    private const int ShortestModulus = 2048, LongestModulus = 4096; // bits

    private const string Exponent = "AQAB"; // 65537, as every library makes it; a small one has been a weakness

    private static readonly string[] OfEc = [SecurityAlgorithms.EcdsaSha256],
        OfRsa = [SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSsaPssSha256];

    /// <summary>The values of <c>alg</c> with which the keys of applications may sign.</summary>
    internal static IReadOnlyList<string> AllAlgorithms => [.. OfEc, .. OfRsa];

    /// <summary>Those of this key.</summary>
    internal IReadOnlyList<string> Algorithms => Alg is not null ? [Alg] : Kty == "EC" ? OfEc : OfRsa;

    /// <returns>What is wrong with the key, as the end of a sentence; or null.</returns>
    internal string? FindFault() => Use is null or "sig" && KeyOps is null or ["verify"] && IsKey()
        ? null
        : $"must hold keys for signatures: EC P-256 with x and y (ES256), or RSA of 2048 to 4096 bits with e {Exponent} (RS256, PS256). "
            + $"The key {Kid} is none";

    internal JsonWebKey ToSecurityKey() => new() { Kty = Kty, Kid = Kid, Crv = Crv, X = X, Y = Y, N = N, E = E };

    private bool IsKey() => Kty switch
    {
        "EC" => Crv == "P-256" && (N, E) is (null, null) && (Alg is null || OfEc.Contains(Alg)) && IsPoint(),
        "RSA" => (Crv, X, Y) is (null, null, null) && (Alg is null || OfRsa.Contains(Alg)) && E == Exponent && IsModulus(),
        _ => false,
    };

    private bool IsPoint()
    {
        byte[] x = new byte[CoordinateBytes], y = new byte[CoordinateBytes];
        if (!CanonicalBase64Url.TryDecode(X, x) || !CanonicalBase64Url.TryDecode(Y, y))
        {
            return false;
        }

        try
        {
            using var key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } });
            return true;
        }
        catch (CryptographicException) // not on the curve
        {
            return false;
        }
    }

    private bool IsModulus()
    {
        var modulus = new byte[Base64Url.GetMaxDecodedLength(N?.Length ?? 0)];
        return CanonicalBase64Url.TryDecode(N, modulus) && modulus is [not 0, .., var last] && (last & 1) == 1
            && (modulus.Length * 8) - byte.LeadingZeroCount(modulus[0]) is >= ShortestModulus and <= LongestModulus;
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ClientKeySet))]
internal sealed partial class ClientKeyJson : JsonSerializerContext;
