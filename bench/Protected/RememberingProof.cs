using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AuthMesh.Bench.Servers;
using AuthMesh.Identity.Keys;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Bench.Protected;

/// <summary>
/// Checks that the remembering HAProxy refuses what it must refuse. An alternative that lets a wrong token pass would be fast for a reason
/// that proves nothing.
/// </summary>
internal static class RememberingProof
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <param name="haproxy">The alternative.</param>
    /// <param name="ring">The mesh's keys: a changed token is signed again, so that its only fault is the changed value.</param>
    /// <param name="token">A valid token.</param>
    /// <param name="other">A valid token of another session.</param>
    public static async Task CheckAsync(RememberingHaProxy haproxy, KeyRing ring, string token, string other)
    {
        using var caller = new Caller(haproxy.Server.Address);
        var (claims, parts, now) = (ClaimsOf(token), token.Split('.'), TimeProvider.System.GetUtcNow().ToUnixTimeSeconds());

        await ExpectAsync(HttpStatusCode.OK, token, "a valid token at first sight");
        await ExpectAsync(HttpStatusCode.OK, token, "a valid token, remembered");
        await ExpectAsync(HttpStatusCode.OK, other, "another session's token");

        var asAdmin = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(Changed("role", "admin")));
        await ExpectAsync(HttpStatusCode.Unauthorized, $"{parts[0]}.{asAdmin}.{parts[2]}", "a changed payload under a valid signature");
        await ExpectAsync(HttpStatusCode.Unauthorized, $"{parts[0]}.{parts[1]}.{other.Split('.')[2]}", "the signature of another token");
        await ExpectAsync(HttpStatusCode.OK, Signed(Changed("role", "user")), "a token signed again");
        await ExpectAsync(HttpStatusCode.Unauthorized, Signed(Changed("iss", "https://else.example.test")), "another issuer");
        await ExpectAsync(HttpStatusCode.Unauthorized, Signed(Changed("aud", "elsewhere")), "another audience");
        await ExpectAsync(HttpStatusCode.Unauthorized, Signed(Changed("exp", now - 1)), "a token that has expired at first sight");
        await ExpectExpiryAsync(Signed(Changed("exp", now + 3)));

        var session = claims["sid"]!.GetValue<string>();
        await haproxy.RevokeAsync(session);
        await ExpectAsync(HttpStatusCode.Unauthorized, token, "the token of a revoked session, remembered");
        await ExpectAsync(HttpStatusCode.Unauthorized, Signed(Changed("role", "guest")), "the token of a revoked session at first sight");
        await ExpectAsync(HttpStatusCode.OK, other, "another session's token after a revocation");
        await haproxy.RestoreAsync(session);
        await ExpectAsync(HttpStatusCode.OK, token, "the token after the revocation was taken back");

        string Changed(string name, JsonNode value)
        {
            var changed = claims.DeepClone().AsObject();
            changed[name] = value;
            return changed.ToJsonString();
        }

        string Signed(string payload) => new JsonWebTokenHandler { SetDefaultTimesOnTokenCreation = false }
            .CreateToken(payload, ring.SigningCredentials);

        async Task ExpectAsync(HttpStatusCode expected, string sent, string description)
        {
            var status = await caller.SendAsync(HttpMethod.Get, "/protected", sent);
            if (status != expected)
            {
                throw new InvalidOperationException($"HAProxy answers {(int)status} to {description}.");
            }
        }

        async Task ExpectExpiryAsync(string shortLived)
        {
            await ExpectAsync(HttpStatusCode.OK, shortLived, "a token shortly before it expires");
            var waited = Stopwatch.StartNew();
            while (await caller.SendAsync(HttpMethod.Get, "/protected", shortLived) != HttpStatusCode.Unauthorized)
            {
                if (waited.Elapsed > Patience)
                {
                    throw new InvalidOperationException("HAProxy still accepts a remembered token that has expired.");
                }

                await Task.Delay(50);
            }
        }
    }

    private static JsonObject ClaimsOf(string token) => JsonNode.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]))!.AsObject();
}
