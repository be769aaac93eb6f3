using System.Buffers.Text;
using System.Text.Json;
using AuthMesh.Bench.Comparison;
using AuthMesh.Issuer;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Revocations;

/// <summary>
/// A new user with the session to revoke and another session. With a key or an application, that is the session to revoke.
/// </summary>
internal sealed record SignIn(
    string Password, string Token, string RefreshToken, string Cookie, string SessionId, string OtherToken, string? Key = null)
{
    /// <summary>What the token opens in the resource service.</summary>
    public string Path { get; init; } = "/protected";

    /// <summary>The application whose token this is.</summary>
    public string? ApplicationId { get; init; }

    /// <summary>The token of an admin who has just signed in, for an application.</summary>
    public string? AdminToken { get; init; }

    public async Task<SignIn> WithKeyAsync(Caller gateway, ServiceProcess identity, string serviceKey)
    {
        var made = await gateway.ReadAsync(
            HttpMethod.Post, "/account/keys", new { name = "a key", scopes = (string[])["mesh", "account.read"] },
            ("Authorization", "Bearer " + OtherToken));
        var key = made.GetProperty("key").GetString()!;
        using var inner = new Caller(identity.Address);
        var exchanged = await inner.ReadAsync(
            HttpMethod.Post, "/internal/keys/exchange", new { key },
            (IssuerConnection.ServiceKeyHeader, serviceKey));
        return this with
        {
            Key = key,
            SessionId = made.GetProperty("id").GetString()!,
            Token = exchanged.GetProperty("token").GetString()!,
        };
    }

    public static async Task<SignIn> CreateAsync(Caller gateway)
    {
        var credentials = new { username = "u-" + Guid.NewGuid().ToString("N")[..12], password = "a password for a benchmark" };
        await gateway.PostAsync("/register", credentials);
        var (victim, cookie) = await gateway.PostAsync("/login", credentials);
        var (other, _) = await gateway.PostAsync("/login", credentials);
        var token = victim.GetProperty("token").GetString()!;
        var claims = JsonElement.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]));
        return new SignIn(
            credentials.password, token, victim.GetProperty("refresh_token").GetString()!, cookie,
            claims.GetProperty("sid").GetString()!,
            other.GetProperty("token").GetString()!);
    }
}
