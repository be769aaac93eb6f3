using System.Globalization;
using System.Security.Claims;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// The user and session of a request's access token. The token was valid when it was minted. Account endpoints query the tables anyway, so
/// the same statement checks that the session is still live, without waiting for the revocation feed.
/// </summary>
internal sealed record Caller(Guid UserId, Guid SessionId, int Epoch)
{
    /// <summary>
    /// The start of a statement for live sign-ins only: a table <c>caller</c> with one row, or none if the caller's session is no longer
    /// live, or is a key.
    /// </summary>
    public const string With = $"WITH caller AS ({Select} AND {LiveSession.IsLiveSignIn})";

    /// <summary>The same for an endpoint that opens to keys with a scope: the caller may also be a live key.</summary>
    public const string WithAnyKind = $"WITH caller AS ({Select} AND {LiveSession.IsLive})";

    /// <summary>
    /// The same for changes to how one gets into the account: the table is empty, too, unless the session proved its user recently
    /// (<see cref="ProvedMethods.IsRecent"/>). It locks the user's row, so that such changes follow one another.
    /// </summary>
    public const string WithRecentProof =
        $"WITH caller AS ({Select} AND {LiveSession.IsLiveSignIn} AND {ProvedMethods.IsRecent} FOR NO KEY UPDATE OF u)";

    private const string Select =
        """
        SELECT u.*, s.id AS session_id FROM sessions s, users u
        WHERE s.id = @caller_session AND s.user_id = @caller AND s.epoch = @caller_epoch
        """;

    public NpgsqlParameter[] Parameters =>
        [new("caller", UserId), new("caller_session", SessionId), new("caller_epoch", Epoch)];

    /// <returns>The caller of an endpoint that also answers anonymous callers; null for those. A key is nobody there.</returns>
    public static Caller? Find(ClaimsPrincipal user) =>
        user.Identity is { IsAuthenticated: true } && user.Scopes is null ? Of(user) : null;

    public static Caller Of(ClaimsPrincipal user) => new(
        Guid.Parse(user.UserId), Guid.Parse(user.FindFirstValue(AccessTokenClaims.SessionId)!),
        int.Parse(user.FindFirstValue(AccessTokenClaims.Epoch)!, CultureInfo.InvariantCulture));
}
