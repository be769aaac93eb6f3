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
    /// <summary>The start of a statement for admins only: a table <c>admin</c> that is empty unless the caller is an admin.</summary>
    public const string With = $"{Caller.With}, admin AS (SELECT * FROM caller WHERE role = '{Roles.Admin}')";

    private const string Role = $"""{Caller.With} SELECT role AS "Value" FROM caller""";

    public static readonly Failure NotFound = new(StatusCodes.Status404NotFound, "not_found", "There is no such user");

    /// <summary>Explains why a statement matched no row.</summary>
    /// <returns>The fault of this caller, or null if the caller is an admin and the cause lies elsewhere.</returns>
    public static async Task<Failure?> FindFaultAsync(IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        await db.Database.SqlQueryRaw<string>(Role, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken) switch
        {
            [] => CommonFailures.InvalidToken(),
            [Roles.Admin] => null,
            _ => CommonFailures.InsufficientScope("Admin access required"),
        };

    /// <returns>The id in a path, or an id that no user has.</returns>
    public static Guid ParseId(string id) => RequestText.TryReadId(id, out var parsed) ? parsed : Guid.Empty;
}
