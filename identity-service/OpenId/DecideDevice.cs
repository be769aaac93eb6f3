using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>A device that waits for its user, as the user sees it.</summary>
/// <param name="Code">The code as it is stored.</param>
/// <param name="Application">How people call the application.</param>
/// <param name="Network">The device's address.</param>
/// <param name="Device">The device's User-Agent, which it chooses itself.</param>
/// <param name="AskedAt">When it asked for the code.</param>
internal sealed record WaitingDevice(
    Guid ApplicationId, string Code, string Application, string[] Scopes, string Network, string Device, DateTimeOffset AskedAt);

/// <summary>
/// Lets a signed-in user find the device behind a code, and decide (RFC 8628 §3.3). Every look counts as a guess until the code is right.
/// </summary>
internal sealed class DecideDevice(
    IdentityDb db, Budgets budgets, Throttle throttle, CallerAddress callerAddress, SecurityEvents events)
{
    private static readonly Failure Unknown = new(
        StatusCodes.Status400BadRequest, "unknown_user_code", "No device waits with this code");

    private const string Waits =
        """
        d.user_code = @code AND d.is_allowed IS NULL AND d.expires_at > now()
            AND a.id = d.application_id AND a.epoch = d.client_epoch AND a.disabled_at IS NULL
        """;

    private const string Columns =
        """
        a.id AS "ApplicationId", d.user_code AS "Code", a.name AS "Application", d.scopes AS "Scopes", d.network AS "Network",
            d.device AS "Device", d.expires_at - interval '10 minutes' AS "AskedAt"
        """;

    private const string Find = $"SELECT {Columns} FROM device_authorizations d, applications a WHERE {Waits}";

    // Of two decisions at once, the first one counts. The consent is kept as after any other sign-in at the application: whatever withdraws
    // it also keeps the device out.
    private const string Decide =
        $"""
        {Caller.With},
        decided AS (
            UPDATE device_authorizations d SET is_allowed = @is_allowed, user_id = u.id, parent_id = u.session_id, epoch = u.epoch
            FROM applications a, caller u WHERE {Waits}
            RETURNING {Columns}),
        consented AS (
            INSERT INTO consents AS c (user_id, application_id, scopes, granted_at)
            SELECT u.id, decided."ApplicationId", decided."Scopes", now() FROM decided, caller u WHERE @is_allowed
            ON CONFLICT (user_id, application_id) DO UPDATE SET granted_at = now(),
                scopes = ARRAY(SELECT DISTINCT unnest(c.scopes || excluded.scopes)))
        SELECT * FROM decided
        """;

    /// <returns>The device, or why there is none.</returns>
    public Task<(WaitingDevice? Device, Failure? Refusal)> FindAsync(
        string? typed, HttpContext context, CancellationToken cancellationToken) =>
        TryAsync(typed, context, code => RunAsync(Find, cancellationToken, new NpgsqlParameter("code", code)), cancellationToken);

    /// <summary>Allows or refuses what the device asks for.</summary>
    /// <returns>The device, or why nothing was decided.</returns>
    public async Task<(WaitingDevice? Device, Failure? Refusal)> RunAsync(
        string? typed, bool isAllowed, HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        var (device, refusal) = await TryAsync(typed, context, DecideAsync, cancellationToken);
        if (device is not null)
        {
            events.Write(
                isAllowed
                    ? SecurityEvent.ConsentGiven(caller.UserId, caller.SessionId, device.ApplicationId)
                    : SecurityEvent.DeviceRefused(caller.UserId, caller.SessionId, device.ApplicationId),
                context);
        }

        return (device, refusal);

        async Task<WaitingDevice?> DecideAsync(string code)
        {
            await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
            await UserLock.TakeAsync(db, caller.UserId, cancellationToken);
            var decided = await RunAsync(
                Decide, cancellationToken, [.. caller.Parameters, new("code", code), new("is_allowed", isAllowed)]);
            await transaction.CommitAsync(cancellationToken);
            return decided;
        }
    }

    private async Task<(WaitingDevice? Device, Failure? Refusal)> TryAsync(
        string? typed, HttpContext context, Func<string, Task<WaitingDevice?>> look, CancellationToken cancellationToken)
    {
        if (UserCode.TryParse(typed) is not { } code)
        {
            return (null, Unknown);
        }

        var userId = Caller.Of(context.User).UserId;
        var (reservation, refusal, limit) = await throttle.ReserveAsync(
            budgets.ForUserCode(userId, callerAddress.NetworkOf(context)), cancellationToken);
        if (reservation is null)
        {
            events.Write(SecurityEvent.LoginBlocked(userId, limit!), context);
            return (null, refusal);
        }

        if (await look(code) is not { } device)
        {
            return (null, Unknown);
        }

        await reservation.GiveBackAsync();
        return (device, null);
    }

    private async Task<WaitingDevice?> RunAsync(
        string statement, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) =>
        await db.Database.SqlQueryRaw<WaitingDevice>(statement, parameters).ToListAsync(cancellationToken) is [var device] ? device : null;
}
