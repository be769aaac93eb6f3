using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AuthMesh.Keys;
using AuthMesh.Tokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Testing;

/// <summary>The signing keys of a test, which the service holds as if it had fetched them.</summary>
internal sealed class TestKeys : IVerificationKeys, IDisposable
{
    private readonly ConcurrentDictionary<string, ECDsaSecurityKey> keys = new();
    private volatile ECDsaSecurityKey current;

    public TestKeys() => current = Add();

    public bool IsReady => true;

    public ECDsaSecurityKey? Find(string keyId) => keys.GetValueOrDefault(keyId);

    public ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken) => new(new KeyLookup(Find(keyId)));

    /// <summary>Signs with a new key from now on.</summary>
    /// <returns>The id of the former one.</returns>
    public string Rotate()
    {
        var former = current.KeyId;
        current = Add();
        return former;
    }

    public string Sign(TokenContent content)
    {
        var key = current;
        var header = new Dictionary<string, string> { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = key.KeyId };
        var signed = $"{Encode(header)}.{Encode(content.Write())}";
        lock (key)
        {
            return $"{signed}.{Base64Url.EncodeToString(key.ECDsa.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256))}";
        }
    }

    public void Dispose()
    {
        foreach (var key in keys.Values)
        {
            key.ECDsa.Dispose();
        }
    }

    private static string Encode<T>(T json) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(json));

    private ECDsaSecurityKey Add()
    {
        var key = new ECDsaSecurityKey(ECDsa.Create(ECCurve.NamedCurves.nistP256)) { KeyId = Guid.NewGuid().ToString("N") };
        keys[key.KeyId] = key;
        return key;
    }
}
