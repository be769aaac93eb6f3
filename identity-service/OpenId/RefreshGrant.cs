using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>Exchanges a refresh token of an application for its successor and new tokens (RFC 6749 §6).</summary>
internal sealed class RefreshGrant(
    IdentityDb db, Primary database, KeyRing ring, IssueApplicationTokens issueTokens, SecurityEvents events, TimeProvider clock,
    IOptions<AuthMeshOptions> mesh)
{
    // A session never outlives the longest life of the sign-in that allowed it. The next statement prolongs the sign-in.
    private const string Expiry =
        """
        LEAST(
            now() + interval '14 days', s.created_at + interval '90 days',
            (SELECT p.created_at + interval '90 days' FROM sessions p WHERE p.id = s.parent_id))
        """;

    // To use the session is to use the sign-in. Once a minute is enough, and needs no lock on both.
    private const string UseParent =
        $"""
        UPDATE sessions s SET last_used_at = now(), expires_at = {LiveSession.Expiry}
        FROM users u
        WHERE s.id = (SELECT parent_id FROM sessions WHERE id = @session) AND s.last_used_at < now() - interval '1 minute'
            AND {LiveSession.IsLiveSignIn}
        """;

    private static readonly RefreshTokenRotation Rotation = new(
        $"{LiveSession.IsLiveApplication} AND s.application_id = @application", LiveSession.ColumnsOfApplication, Expiry);

    public async Task<Results<Ok<TokenResponse>, Failure>> RunAsync(
        Client client, ProtocolParameters request, HttpContext context, CancellationToken cancellationToken)
    {
        if (!client.MayUse(GrantType.RefreshToken))
        {
            return OAuthError.UnauthorizedClient;
        }

        if (request["refresh_token"] is not { } text)
        {
            return CommonFailures.InvalidRequest("refresh_token is required");
        }

        if (RefreshToken.TryParse(text, ring) is not { } presented)
        {
            return OAuthError.InvalidGrant;
        }

        // 1. Find out what the request may ask for. A wrong request must not move the session on.
        if (await FindGrantAsync(presented, client, cancellationToken) is { } grant)
        {
            if (request["scope"]?.Split(' ').Except(grant.Scopes, StringComparer.Ordinal).Any() is true)
            {
                return OAuthError.InvalidScope;
            }

            if (request["resource"] is { } resource && resource != (grant.Audience ?? mesh.Value.Audience))
            {
                return OAuthError.InvalidTarget;
            }
        }

        // 2. Rotate.
        var application = new NpgsqlParameter("application", client.Id);
        if (await Rotation.StepAsync(database, presented, FindAsync, application.Clone()) is { } session)
        {
            await UseParentAsync(session.Session.Id, cancellationToken);
            var scopes = request["scope"]?.Split(' ') ?? session.Grant.Scopes;
            return TypedResults.Ok(issueTokens.ForRefreshed(
                session with { Grant = session.Grant with { Scopes = [.. scopes.Distinct(StringComparer.Ordinal)] } }, presented));
        }

        if (await Rotation.EndReplayedAsync(db, presented, FindAsync, cancellationToken, application) is { Session: var ended })
        {
            events.Write(SecurityEvent.RefreshReused(ended.UserId, ended.Id, presented.Counter, ended.RefreshCounter), context);
        }

        return OAuthError.InvalidGrant;

        Task<ApplicationsSession?> FindAsync(NpgsqlCommand command, NpgsqlParameter[] parameters) =>
            LiveSession.FindOfApplicationAsync(command, client.ClientId, read: null, clock, cancellationToken, parameters);
    }

    private async Task<ApplicationGrant?> FindGrantAsync(RefreshToken presented, Client client, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(
            "SELECT client_epoch, scopes, audience FROM sessions WHERE id = @session AND application_id = @application");
        command.Parameters.AddRange((NpgsqlParameter[])[new("session", presented.SessionId), new("application", client.Id)]);
        return await command.ReadCommittedRowAsync(
            row => new ApplicationGrant(
                client.ClientId, row.GetInt32(0), row.GetFieldValue<string[]>(1), row.IsDBNull(2) ? null : row.GetString(2)),
            cancellationToken);
    }

    private async Task UseParentAsync(Guid sessionId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var command = new NpgsqlCommand(UseParent, connection);
        command.Parameters.AddWithValue("session", sessionId);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
