using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Requests;
using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Streams;

/// <summary>
/// A header by which the gateway tells a service that a stream came through it, so that the gateway judges when its token is too old. It
/// holds the time, and an HMAC over the time and the token. Its key is derived from the service key, so a caller of the service cannot
/// make one, and no service learns the service key from it.
/// </summary>
internal sealed class GatewayMark(IOptions<AuthMeshOptions> mesh, TimeProvider clock)
{
    public const string Header = "AuthMesh-Stream";

    // Twice the greatest clock difference, and time for the way. A mark that leaked is of no use later, and never with another token.
    private static readonly TimeSpan Lifetime = (2 * AuthMeshOptions.MaximumClockSkew) + TimeSpan.FromSeconds(30);

    private readonly byte[] key = HKDF.DeriveKey(
        HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(Secret.Read(mesh.Value.ServiceKey, mesh.Value.ServiceKeyFile)),
        HMACSHA256.HashSizeInBytes, info: "authmesh stream through the gateway"u8.ToArray());

    /// <summary>Makes the header's value for a request.</summary>
    /// <param name="authorization">The Authorization header that the service receives.</param>
    public string Make(string authorization)
    {
        var time = clock.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return time + "." + Sign(time, authorization);
    }

    /// <summary>Whether the gateway made this value for this request, a moment ago.</summary>
    public bool IsValid(string? value, string? authorization)
    {
        if (value is null || authorization is null || value.IndexOf('.') is not (> 0 and var dot)
            || !RequestText.TryReadNumber(value.AsSpan(0, dot), out var time))
        {
            return false;
        }

        var isOurs = CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(value[(dot + 1)..]), Encoding.UTF8.GetBytes(Sign(value[..dot], authorization)));
        return isOurs && Math.Abs(clock.GetUtcNow().ToUnixTimeSeconds() - time) <= Lifetime.TotalSeconds;
    }

    private string Sign(string time, string authorization) =>
        Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(time + "." + authorization)));
}
