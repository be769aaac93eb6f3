using System.Globalization;
using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Admin;

/// <summary>
/// An admin who reads or changes other users. The token proves the role only at the time of minting. Each statement therefore checks the
/// stored role too, so a revoked admin role stops working with the commit that revokes it.
/// </summary>
internal static class AdminCaller
{
    /// <summary>
    /// The start of a statement for admins only: a table <c>admin</c> that is empty unless the caller is an admin, or the key of one.
    /// </summary>
    public const string With = $"{Caller.WithAnyKind}, admin AS (SELECT * FROM caller WHERE role = '{Roles.Admin}')";

    /// <summary>
    /// The same for changes, which demand a sign-in and a recent proof of who the caller is. The endpoint has checked the token's
    /// <c>auth_time</c>, and this checks the stored one.
    /// </summary>
    public const string WithRecentProof =
        $"""
        {Caller.With}, admin AS (
            SELECT caller.* FROM caller, sessions s WHERE s.id = caller.session_id AND role = '{Roles.Admin}' AND {IsRecent})
        """;

    /// <summary>How long ago an admin who changes users may have proved who they are.</summary>
    public static readonly TimeSpan LongestAge = TimeSpan.ParseExact(Hour, "c", CultureInfo.InvariantCulture);

    private const string Hour = "01:00:00"; // for SQL as well
    private const string IsRecent = $"COALESCE({ProvedMethods.NewestProof} > now() - interval '{Hour}', false)"; // a key proves nothing

    /// <summary>The condition that a session <c>s</c> proved two factors within <see cref="LongestAge"/>.</summary>
    public const string HasTwoFactors =
        $"""
        (COALESCE((s.methods->>'{ProvedMethods.Passkey}')::bigint > {Since}, false)
            OR COALESCE((s.methods->>'{ProvedMethods.Password}')::bigint > {Since}, false)
                AND COALESCE(
                    greatest((s.methods->>'{ProvedMethods.Totp}')::bigint, (s.methods->>'{ProvedMethods.RecoveryCode}')::bigint) > {Since},
                    false))
        """;

    private const string Since = $"extract(epoch FROM now() - interval '{Hour}')";

    private const string Find =
        $"""
        {Caller.WithAnyKind} SELECT role AS "Role", {IsRecent} AS "IsRecent", {HasTwoFactors} AS "HasTwoFactors"
        FROM caller, sessions s WHERE s.id = caller.session_id
        """;

    public static readonly Failure TwoFactorsDemanded = CommonFailures.InsufficientAuthentication(
        (int)LongestAge.TotalSeconds, Assurance.TwoFactors);

    public static readonly Failure NotFound = new(StatusCodes.Status404NotFound, "not_found", "There is no such user");

    /// <summary>Explains why a statement matched no row.</summary>
    /// <param name="db">The database.</param>
    /// <param name="user">The caller.</param>
    /// <param name="isChange">Whether the statement began with <see cref="WithRecentProof"/>.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <param name="demandsTwoFactors">Whether it demanded <see cref="HasTwoFactors"/>.</param>
    /// <returns>The fault of this caller, or null if the caller is an admin and the cause lies elsewhere.</returns>
    public static async Task<Failure?> FindFaultAsync(
        IdentityDb db, ClaimsPrincipal user, bool isChange, CancellationToken cancellationToken, bool demandsTwoFactors = false) =>
        await db.Database.SqlQueryRaw<CallerState>(Find, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken) switch
        {
            [] => CommonFailures.InvalidToken(),
            [{ Role: not Roles.Admin }] => CommonFailures.InsufficientRole("Admin access required"),
            [{ HasTwoFactors: false }] when demandsTwoFactors => TwoFactorsDemanded,
            [{ IsRecent: false }] when isChange => CommonFailures.InsufficientAuthentication((int)LongestAge.TotalSeconds, assurance: null),
            _ => null,
        };

    /// <returns>The id in a path, or an id that no user has.</returns>
    public static Guid ParseId(string id) => RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty;

    private sealed record CallerState(string Role, bool IsRecent, bool HasTwoFactors);
}
