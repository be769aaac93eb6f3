using System.Security.Cryptography;
using System.Text;
using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.OpenId;

/// <summary>Answers a device that asks whether its user has decided (RFC 8628 §3.4), once with tokens.</summary>
internal sealed class DeviceGrant(
    IdentityDb db, Primary database, IssueApplicationTokens issueTokens, SecurityEvents events, TimeProvider clock,
    IOptions<AuthMeshOptions> mesh)
{
    // The pace counts only while the user has not decided. The lock makes questions follow one another, so that each sees the one before.
    private const string Ask =
        $"""
        WITH d AS (
            SELECT d.*, d.expires_at <= now() AS is_over, d.next_poll_at > now() AS is_early
            FROM device_authorizations d JOIN applications a ON a.id = d.application_id
            WHERE {Fits} AND a.epoch = d.client_epoch FOR NO KEY UPDATE OF d),
        asked AS (
            UPDATE device_authorizations w SET
                interval_seconds = w.interval_seconds + d.more, next_poll_at = now() + make_interval(secs => w.interval_seconds + d.more)
            FROM (SELECT device_code_hash, CASE WHEN is_early THEN 5 ELSE 0 END AS more FROM d WHERE is_allowed IS NULL AND NOT is_over) d
            WHERE w.device_code_hash = d.device_code_hash)
        SELECT CASE
            WHEN is_over THEN 'over' WHEN is_allowed THEN 'allowed' WHEN NOT is_allowed THEN 'refused' WHEN is_early THEN 'early'
            ELSE 'waits' END
        FROM d
        """;

    private const string Fits = "d.device_code_hash = @code AND d.application_id = @application";

    // The order of LiveSession: the user, then the sign-in. Whatever ends the sign-in waits for them, or is seen by the next statement. The
    // deletion of the application comes before or after, too: it would wait for the row below, and the session for the application.
    private const string LockUser =
        "SELECT 1 FROM users WHERE id = (SELECT user_id FROM device_authorizations WHERE device_code_hash = @code) FOR NO KEY UPDATE";

    private const string LockParent =
        """
        SELECT 1 FROM device_authorizations d JOIN sessions s ON s.id = d.parent_id JOIN applications a ON a.id = d.application_id
        WHERE d.device_code_hash = @code FOR NO KEY UPDATE OF s FOR KEY SHARE OF a
        """;

    // One statement spends the code and starts the session. Two questions at once: the second one waits, and finds the row gone. A consent
    // that the user withdrew meanwhile gives nothing.
    private const string Redeem =
        $"""
        WITH code AS (
            DELETE FROM device_authorizations d
            WHERE {Fits} AND d.is_allowed AND d.expires_at > now()
                AND EXISTS (
                    SELECT FROM consents c WHERE c.user_id = d.user_id AND c.application_id = d.application_id AND d.scopes <@ c.scopes)
                AND (@resource IS NULL OR COALESCE(d.audience, @mesh) = @resource)
            RETURNING d.*),
        {StartApplicationSession.With}
        SELECT {LiveSession.ColumnsOfApplication} FROM added s, users u WHERE u.id = s.user_id
        """;

    public static byte[] HashOf(string deviceCode) => SHA256.HashData(Encoding.UTF8.GetBytes(deviceCode));

    public async Task<Results<Ok<TokenResponse>, Failure>> RunAsync(
        Client client, ProtocolParameters request, HttpContext context, CancellationToken cancellationToken)
    {
        if (!client.MayUse(GrantType.DeviceCode))
        {
            return OAuthError.UnauthorizedClient;
        }

        if (request["device_code"] is not { } code)
        {
            return CommonFailures.InvalidRequest("device_code is required");
        }

        NpgsqlParameter[] fits = [new("code", HashOf(code)), new("application", client.Id)];
        await using var ask = database.CreateCommand(Ask);
        ask.Parameters.AddRange(fits.Select(parameter => parameter.Clone()).ToArray());
        return await ask.ReadCommittedRowAsync(row => row.GetString(0), cancellationToken) switch
        {
            "waits" => OAuthError.AuthorizationPending,
            "early" => OAuthError.SlowDown,
            "refused" => OAuthError.AccessDenied,
            "over" => OAuthError.ExpiredToken,
            "allowed" => await RedeemAsync(client, fits, request["resource"], context, cancellationToken),
            _ => OAuthError.InvalidGrant,
        };
    }

    private async Task<Results<Ok<TokenResponse>, Failure>> RedeemAsync(
        Client client, NpgsqlParameter[] fits, string? resource, HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlRawAsync(LockUser, [fits[0].Clone()], cancellationToken);
        await db.Database.ExecuteSqlRawAsync(LockParent, [fits[0].Clone()], cancellationToken);
        var session = await LiveSession.FindOfApplicationAsync(
            db.CreateCommand(Redeem), client.ClientId, read: null, clock, cancellationToken,
            [
                .. fits.Select(parameter => parameter.Clone()), new("session", Guid.CreateVersion7(clock.GetUtcNow())),
                new("mesh", mesh.Value.Audience), new("resource", NpgsqlDbType.Text) { Value = (object?)resource ?? DBNull.Value },
            ]);
        if (session is null)
        {
            await transaction.CommitAsync(cancellationToken);
            return OAuthError.InvalidGrant;
        }

        await StartApplicationSession.EndOldestAsync(db, session.Session.UserId, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.ApplicationSignedIn(session.Session.UserId, session.Session.Id, client.Id), context);
        return TypedResults.Ok(issueTokens.ForNew(client, session, nonce: null));
    }
}
