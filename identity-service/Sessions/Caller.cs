using System.Globalization;
using System.Security.Claims;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Whom a request's access token speaks for. The token was good when it was minted; what is asked about an account is asked of the
/// tables anyway, so these say whether it still is, and no feed has to have been heard.
/// </summary>
internal sealed record Caller(Guid UserId, Guid SessionId, int Epoch)
{
    /// <summary>
    /// The start of a statement that does nothing for a caller whose session is not live any more: a table <c>caller</c> of one row or
    /// none.
    /// </summary>
    public const string With =
        $"""
        WITH caller AS (
            SELECT u.*, s.id AS session_id FROM sessions s, users u
            WHERE s.id = @caller_session AND s.user_id = @caller AND s.epoch = @caller_epoch AND {LiveSession.IsLive})
        """;

    public NpgsqlParameter[] Parameters =>
        [new("caller", UserId), new("caller_session", SessionId), new("caller_epoch", Epoch)];

    public static Caller Of(ClaimsPrincipal user) => new(
        Guid.Parse(user.UserId), Guid.Parse(user.FindFirstValue(AccessTokenClaims.SessionId)!),
        int.Parse(user.FindFirstValue(AccessTokenClaims.Epoch)!, CultureInfo.InvariantCulture));
}
