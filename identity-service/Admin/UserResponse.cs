using System.Text.Json.Serialization;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Admin;

/// <param name="Id">The <c>sub</c> of the user's tokens.</param>
/// <param name="Username">As registered.</param>
/// <param name="Email">The address that the user proved; null if none.</param>
/// <param name="Role">The role in the user's next token.</param>
/// <param name="Disabled">Whether the user is barred from signing in.</param>
/// <param name="DisabledAt">When an admin disabled the user; null unless disabled.</param>
/// <param name="Demo">Whether the quick start created this user, with a publicly known password.</param>
/// <param name="CreatedAt">When the name was registered.</param>
/// <param name="Sessions">The number of live sign-ins.</param>
/// <param name="ApplicationSessions">The number of live sessions of applications that the user let act for them.</param>
/// <param name="LastUsedAt">The last use of any live sign-in; null if none is live.</param>
public sealed record UserResponse(
    Guid Id, string Username, string? Email, string Role, bool Disabled,
    [property: JsonPropertyName("disabled_at")] DateTimeOffset? DisabledAt,
    bool Demo,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    int Sessions,
    [property: JsonPropertyName("application_sessions")] int ApplicationSessions,
    [property: JsonPropertyName("last_used_at")] DateTimeOffset? LastUsedAt);

public sealed record ShowUserResponse(string Status, string Message, UserResponse User);

internal static class UserRow
{
    /// <summary>Needs <c>u</c>, the user, and a join with <see cref="Live"/>.</summary>
    public const string Columns =
        """
        u.id AS "Id", u.username AS "Username", u.email AS "Email", u.role AS "Role", u.disabled_at IS NOT NULL AS "Disabled",
        u.disabled_at AS "DisabledAt", u.is_demo AS "Demo", u.created_at AS "CreatedAt", live.sessions AS "Sessions",
        live.applications AS "ApplicationSessions", live.last_used_at AS "LastUsedAt"
        """;

    public const string Live =
        $"""
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE s.kind = '{SessionKind.SignIn}')::int AS sessions,
                count(*) FILTER (WHERE s.kind = '{SessionKind.Application}')::int AS applications,
                max(s.last_used_at) FILTER (WHERE s.kind = '{SessionKind.SignIn}') AS last_used_at
            FROM sessions s WHERE {LiveSession.IsLive}) live
        """;

    /// <summary>Runs a statement that returns <see cref="Columns"/> for at most one user.</summary>
    public static async Task<UserResponse?> FindAsync(
        IdentityDb db, string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) =>
        await db.Database.SqlQueryRaw<UserResponse>(sql, [.. parameters]).ToListAsync(cancellationToken) is [var user] ? user : null;
}
