using System.Security.Claims;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Tokens;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Records what the caller proved again. The session goes on, and so do its refresh token and its earlier access tokens, which keep their
/// <c>auth_time</c>.
/// </summary>
internal sealed class RecordProof(
    IdentityDb db, Primary database, AccessTokens tokens, SessionCookies cookies, TimeProvider clock)
{
    // The new cookie makes every gateway ask for a new token: a gateway keeps the token of a cookie.
    private const string Record =
        $"""
        UPDATE sessions s SET cookie_hash = @cookie, last_used_at = now(), expires_at = {LiveSession.Expiry},
            methods = s.methods || jsonb_build_object(@method, {ProvedMethods.Now})
        FROM users u
        WHERE s.id = @caller_session AND u.id = @caller AND s.epoch = @caller_epoch AND {LiveSession.IsLiveSignIn}
            AND u.factors_epoch = @factors_epoch
        RETURNING {LiveSession.Columns}
        """;

    /// <summary>Runs in the caller's transaction if there is one.</summary>
    /// <param name="user">The caller.</param>
    /// <param name="method">A name of <see cref="ProvedMethods"/>.</param>
    /// <param name="factorsEpoch">The account's when the proof was checked. A change since then makes it void.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>The session and its new cookie, or null if the session ended or the account changed.</returns>
    public async Task<RecordedProof?> RunAsync(
        ClaimsPrincipal user, string method, int factorsEpoch, CancellationToken cancellationToken)
    {
        var cookie = SessionCookie.Create();
        var command = db.Database.CurrentTransaction is null ? database.CreateCommand(Record) : db.CreateCommand(Record);
        NpgsqlParameter[] parameters =
        [
            .. Caller.Of(user).Parameters, new("cookie", cookie.Hash), new("method", method), new("factors_epoch", factorsEpoch),
        ];
        return await LiveSession.FindAsync(command, clock, cancellationToken, parameters) is { } session
            ? new RecordedProof(session, cookie)
            : null;
    }

    /// <summary>Sets the new cookie, after the commit.</summary>
    /// <returns>An access token that says what was proved.</returns>
    public AccessToken Answer(RecordedProof proof, HttpResponse response)
    {
        cookies.Set(response, proof.Cookie);
        return tokens.Mint(proof.Session.ForToken);
    }
}

internal sealed record RecordedProof(LiveSession Session, SessionCookie Cookie);
