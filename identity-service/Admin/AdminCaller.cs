using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Requests;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Admin;

/// <summary>
/// An admin who asks about others, or acts on them. The token said so when it was minted; each statement asks the tables in the same
/// breath, so a role that was taken away is worth nothing from that commit on.
/// </summary>
internal static class AdminCaller
{
    /// <summary>The start of a statement that does nothing for anybody else: a table <c>admin</c> of one row or none.</summary>
    public const string With = $"{Caller.With}, admin AS (SELECT * FROM caller WHERE role = '{Roles.Admin}')";

    private const string Role = $"""{Caller.With} SELECT role AS "Value" FROM caller""";

    public static readonly Failure NotFound = new(StatusCodes.Status404NotFound, "not_found", "There is no such user");

    /// <summary>For a statement that found nothing.</summary>
    /// <returns>Why it did nothing for this caller; null where that was not the reason.</returns>
    public static async Task<Failure?> FindFaultAsync(IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        await db.Database.SqlQueryRaw<string>(Role, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken) switch
        {
            [] => CommonFailures.InvalidToken(),
            [Roles.Admin] => null,
            _ => CommonFailures.InsufficientScope("Admin access required"),
        };

    /// <returns>The id in a path, or one that is nobody's.</returns>
    public static Guid ParseId(string id) => RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty;
}
