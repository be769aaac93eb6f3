using AuthMesh.Identity.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// Writes a session, provided that the user is still who the password was checked for. The check and the row are one statement, and
/// the shared lock makes a change of the user wait for it or be seen by it, so a login that raced one yields nothing.
/// </summary>
internal sealed class StartSession(IdentityDb db, TimeProvider clock)
{
    public const int MaximumDeviceLength = 200; // what browsers send is about 120 long

    private static readonly TimeSpan IdleLifetime = TimeSpan.FromDays(14);

    /// <returns>The session's id, or null where the user's epoch moved on, or the user is disabled or gone.</returns>
    public async Task<Guid?> RunAsync(Guid userId, int epoch, string userAgent, CancellationToken cancellationToken)
    {
        var id = Guid.CreateVersion7(clock.GetUtcNow());
        var device = Describe(userAgent);
        var written = await db.Database.ExecuteSqlAsync(
            $"""
            INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device)
            SELECT {id}, u.id, u.epoch, now(), now(), now() + {IdleLifetime}, {device}
            FROM (SELECT id, epoch FROM users WHERE id = {userId} AND epoch = {epoch} AND disabled_at IS NULL FOR SHARE) u
            """,
            cancellationToken);
        return written == 1 ? id : null;
    }

    // Without what a terminal would obey, and never through the middle of a surrogate pair: half a character cannot be stored.
    private static string Describe(string userAgent)
    {
        var text = string.Concat(userAgent.Where(c => !char.IsControl(c)));
        return text.Length <= MaximumDeviceLength ? text
            : char.IsHighSurrogate(text[MaximumDeviceLength - 1]) ? text[..(MaximumDeviceLength - 1)]
            : text[..MaximumDeviceLength];
    }
}

internal static class SessionServices
{
    public static IServiceCollection AddSessions(this IServiceCollection services) => services.AddScoped<StartSession>();
}
