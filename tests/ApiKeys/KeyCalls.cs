using System.Net.Http.Json;
using AuthMesh.Issuer;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.ApiKeys;

/// <summary>A key that a test made.</summary>
internal sealed record MadeKey(Guid Id, string Key);

internal static class KeyCalls
{
    public static Task<Answer> CreateKeyAsync(
        this Caller caller, string token, string name = "a key", int? days = null, params string[] scopes) =>
        caller.CallAsync(
            HttpMethod.Post, "/account/keys", token,
            days is null ? new { name, scopes } : (object)new { name, scopes, expires_in_days = days });

    /// <summary>Creates a key, which must succeed.</summary>
    public static async Task<MadeKey> AddKeyAsync(this Caller caller, string token, params string[] scopes)
    {
        var answer = await caller.CreateKeyAsync(token, scopes: scopes);
        Assert.Equal(200, answer.Status);
        return new MadeKey(Guid.Parse(answer.Member("id")!), answer.Member("key")!);
    }

    /// <summary>Exchanges a key, as the gateway does for a script.</summary>
    public static Task<Answer> ExchangeKeyAsync(this Caller identity, string? key, string serviceKey = ProductionMesh.ServiceKey) =>
        identity.SendAsync(
            HttpMethod.Post, "/internal/keys/exchange", JsonContent.Create(new { key }),
            request => request.Headers.Add(IssuerConnection.ServiceKeyHeader, serviceKey));

    /// <summary>Exchanges a key, which must succeed, and returns the access token.</summary>
    public static async Task<string> KeyTokenAsync(this Caller identity, string key)
    {
        var answer = await identity.ExchangeKeyAsync(key);
        Assert.Equal(200, answer.Status);
        return answer.Token;
    }

    public static Task<Answer> DeleteKeyAsync(this Caller caller, string token, Guid id) =>
        caller.CallAsync(HttpMethod.Delete, $"/account/keys/{id}", token);

    public static Task<Answer> ReportKeyAsync(this Caller caller, string key) => caller.PostAsync("/keys/report", new { key });
}
