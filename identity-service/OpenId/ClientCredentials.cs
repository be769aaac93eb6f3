using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>Gives an application a token in its own name (RFC 6749 §4.4).</summary>
internal sealed class ClientCredentials(
    IdentityDb db, Primary database, AccessTokens tokens, ClientAuthentication authentication, TimeProvider clock,
    IOptions<AuthMeshOptions> mesh)
{
    // Replicas of an application that ask at once neither wait for each other nor write the row more than once a minute. The session of an
    // application that asks for nothing for a day expires, and is cleaned up like any other. In its last hour it gives no more tokens,
    // because they would end early: another session starts.
    private const string Use =
        $"""
        WITH a AS (
            SELECT a.* FROM applications a JOIN application_secrets k ON k.application_id = a.id
            WHERE a.client_id = @client_id AND k.hash = @hash AND a.disabled_at IS NULL
                AND '{GrantType.ClientCredentials}' = ANY (a.grants)),
        used AS (
            UPDATE sessions SET last_used_at = now(), expires_at = now() + interval '1 day' WHERE id = (
                SELECT s.id FROM sessions s, a
                WHERE {IsUsable} AND s.last_used_at <= now() - interval '1 minute'
                ORDER BY s.id LIMIT 1 FOR UPDATE OF s SKIP LOCKED))
        SELECT a.id, a.scopes, a.audiences, s.id, s.expires_at - now(), s.created_at > now() - interval '15 minutes'
        FROM a LEFT JOIN sessions s ON {IsUsable}
        ORDER BY s.id LIMIT 1
        """;

    private const string IsUsable = $"{LiveSession.IsLiveService} AND s.expires_at > now() + interval '1 hour'";

    private const string Start =
        $$"""
        INSERT INTO sessions (
            id, kind, application_id, epoch, created_at, last_used_at, expires_at, device, network, methods)
        VALUES (
            @session, '{{SessionKind.Service}}', @application, 0, now(), now(), now() + interval '1 day', '', '', jsonb_build_object())
        """;

    public async Task<Results<Ok<TokenResponse>, Failure>> RunAsync(
        ProtocolParameters request, HttpRequest http, CancellationToken cancellationToken)
    {
        var (credential, refusal) = ClientCredential.Read(request, http);
        if (credential is not { ClientId: var clientId, Secret: { } secret })
        {
            return refusal ?? await RefuseAsync(request, http, cancellationToken);
        }

        // 1. Authenticate the application, and find its session.
        var hash = NewSecret.HashOf(secret);
        var foundAt = clock.GetUtcNow();
        var found = await FindAsync(database.CreateCommand(Use), clientId, hash, cancellationToken);
        if (found is { SessionId: null })
        {
            (foundAt, found) = (clock.GetUtcNow(), await StartAsync(clientId, hash, cancellationToken));
        }

        if (found is not { SessionId: { } sessionId, Remaining: { } remaining })
        {
            return await RefuseAsync(request, http, cancellationToken);
        }

        if (found.IsYoung)
        {
            await database.ConfirmReadsAsync(cancellationToken); // the start may be on one host only, and its end would then be lost
        }

        // 2. Give it the scopes that it asks for, or all that it has (§3.3).
        var scopes = request["scope"]?.Split(' ') ?? found.Scopes;
        if (scopes.Distinct(StringComparer.Ordinal).Count() != scopes.Length || scopes.Except(found.Scopes, StringComparer.Ordinal).Any())
        {
            return OAuthError.InvalidScope;
        }

        // 3. For the resource that it asks for (RFC 8707 §2), or the mesh.
        var audience = request["resource"] is { } resource && resource != mesh.Value.Audience ? resource : null;
        if (audience is not null && !found.Audiences.Contains(audience, StringComparer.Ordinal))
        {
            return OAuthError.InvalidTarget;
        }

        var token = tokens.Mint(new ApplicationSession(found.Id, clientId, sessionId, foundAt, remaining, scopes, audience));
        return TypedResults.Ok(new TokenResponse(token.Value, "Bearer", (int)token.Lifetime.TotalSeconds, string.Join(' ', scopes)));
    }

    // The statement above finds nothing for two reasons.
    private async Task<Failure> RefuseAsync(ProtocolParameters request, HttpRequest http, CancellationToken cancellationToken) =>
        (await authentication.RunAsync(request, http, cancellationToken)).Client is null
            ? OAuthError.InvalidClient
            : OAuthError.UnauthorizedClient;

    // It bypasses Entity Framework, which would take longer to build the query than PostgreSQL takes to answer.
    private static async Task<Found?> FindAsync(
        NpgsqlCommand command, string clientId, byte[] hash, CancellationToken cancellationToken)
    {
        await using (command)
        {
            command.Parameters.AddRange((NpgsqlParameter[])[new("client_id", clientId), new("hash", hash)]);
            return await command.ReadCommittedRowAsync(
                row => new Found(
                    row.GetGuid(0), row.GetFieldValue<string[]>(1), row.GetFieldValue<string[]>(2), row.IsDBNull(3) ? null : row.GetGuid(3),
                    row.IsDBNull(4) ? null : row.GetTimeSpan(4), !row.IsDBNull(5) && row.GetBoolean(5)),
                cancellationToken);
        }
    }

    /// <summary>
    /// Starts a session, unless another replica did at this moment. It waits for an admin who disables the application, removes the secret
    /// or ends the tokens, and sees what the admin did: the lock is a statement of its own.
    /// </summary>
    private async Task<Found?> StartAsync(string clientId, byte[] hash, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await db.Database.ExecuteSqlAsync($"SELECT 1 FROM applications WHERE client_id = {clientId} FOR NO KEY UPDATE", cancellationToken);
        if (await FindAsync(db.CreateCommand(Use), clientId, hash, cancellationToken) is { SessionId: null, Id: var application })
        {
            await db.Database.ExecuteSqlRawAsync(
                Start,
                [
                    new NpgsqlParameter("session", Guid.CreateVersion7(clock.GetUtcNow())),
                    new NpgsqlParameter("application", application),
                ],
                cancellationToken);
        }

        var started = await FindAsync(db.CreateCommand(Use), clientId, hash, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return started;
    }

    private sealed record Found(Guid Id, string[] Scopes, string[] Audiences, Guid? SessionId, TimeSpan? Remaining, bool IsYoung);
}
