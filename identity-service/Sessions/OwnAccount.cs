using System.Security.Claims;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

/// <summary>The account of a caller whose session is live.</summary>
internal sealed record OwnAccount(Guid Id, string Username, string Role, string PasswordHash, DateTimeOffset CreatedAt)
{
    private const string Find =
        $"""
        {Caller.With}
        SELECT id AS "Id", username AS "Username", role AS "Role", password_hash AS "PasswordHash", created_at AS "CreatedAt" FROM caller
        """;

    /// <returns>The account, or null if the session ended or the account changed after the token was minted.</returns>
    public static async Task<OwnAccount?> FindAsync(IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        await db.Database.SqlQueryRaw<OwnAccount>(Find, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken) is [var account]
        ? account : null;
}
