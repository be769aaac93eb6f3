using System.Security.Cryptography;
using System.Text;
using AuthMesh.Issuer;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Platform;

/// <summary>The secret that all services of a mesh share and must present to the identity service.</summary>
internal sealed class ServiceKey(IOptions<AuthMeshOptions> options)
{
    // Comparing hashes keeps the timing from revealing a common prefix or the length.
    private readonly byte[] expected = Hash(Secret.Read(options.Value.ServiceKey, options.Value.ServiceKeyFile));

    /// <summary>Whether the request comes from a service of the mesh. Its statements about its own caller are then trusted.</summary>
    public bool IsOn(HttpRequest request) =>
        request.Headers.TryGetValue(IssuerConnection.ServiceKeyHeader, out var values) && values is [{ } value]
        && CryptographicOperations.FixedTimeEquals(Hash(value), expected);

    private static byte[] Hash(string text) => SHA256.HashData(Encoding.UTF8.GetBytes(text));
}
