using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using AuthMesh.Identity.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Accounts;

public sealed record ReauthenticateRequest(string? Password = null);

/// <summary>An access token that says when the user proved who they are again. RFC 6749 §5.1 names the token members.</summary>
public sealed record ReauthenticateResponse(
    string Status, string Message, string Token,
    [property: JsonPropertyName("token_type")] string TokenType,
    [property: JsonPropertyName("expires_in")] int ExpiresInSeconds);

/// <summary>
/// Step-up (RFC 9470): a signed-in caller proves again who they are, for endpoints that demand a recent proof. The session goes on, and so
/// do its refresh token and its earlier access tokens, which keep their <c>auth_time</c>.
/// </summary>
internal sealed class Reauthenticate(
    NpgsqlDataSource database, ProvePassword provePassword, AccessTokens tokens, SessionCookies cookies, TimeProvider clock,
    SecurityEvents events)
{
    // The new cookie makes every gateway ask for a new token: a gateway keeps the token of a cookie.
    private const string Prove =
        $"""
        UPDATE sessions s SET cookie_hash = @cookie, last_used_at = now(), expires_at = {LiveSession.Expiry},
            methods = s.methods || jsonb_build_object('{ProvedMethods.Password}', {ProvedMethods.Now})
        FROM users u
        WHERE s.id = @caller_session AND u.id = @caller AND s.epoch = @caller_epoch AND {LiveSession.IsLive} AND u.password_hash = @verified
        RETURNING {LiveSession.Columns}
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/reauthenticate",
        (ReauthenticateRequest request, HttpContext context, Reauthenticate reauthenticate, CancellationToken cancellationToken) =>
            reauthenticate.RunAsync(request, context, cancellationToken));

    public async Task<Results<Ok<ReauthenticateResponse>, Failure>> RunAsync(
        ReauthenticateRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (string.IsNullOrEmpty(request.Password))
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["password"] = ["is required"] });
        }

        var (proved, refusal) = await provePassword.ForCallerAsync(request.Password, context, cancellationToken);
        if (proved is null)
        {
            return refusal!;
        }

        using var proof = proved;
        var cookie = SessionCookie.Create();
        var session = await LiveSession.FindAsync(
            database.CreateCommand(Prove), clock, cancellationToken,
            [.. Caller.Of(context.User).Parameters, new("cookie", cookie.Hash), new("verified", proof.Account.PasswordHash)]);
        if (session is null)
        {
            return PasswordProof.AccountChanged;
        }

        events.Write(SecurityEvent.Reauthenticated(session.UserId, session.Id, ProvedMethods.Password), context);
        cookies.Set(context.Response, cookie);
        var token = tokens.Mint(session.ForToken);
        return TypedResults.Ok(new ReauthenticateResponse(
            "success", "Confirmed that it is you", token.Value, "Bearer", (int)token.Lifetime.TotalSeconds));
    }
}
