using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>Gives an application a token in its own name (RFC 6749 §4.4).</summary>
internal sealed class ClientCredentials(
    Primary database, ClientAssertions assertions, AccessTokens tokens, ClientAuthentication authentication,
    TimeProvider clock, IOptions<AuthMeshOptions> mesh)
{
    // Replicas of an application that ask at once neither wait for each other nor write the row more than once a minute. The session of an
    // application that asks for nothing for a day expires, and is cleaned up like any other. In its last hour it gives no more tokens,
    // because they would end early: another session starts.
    private const string Use =
        $"""
        used AS (
            UPDATE sessions SET last_used_at = now(), expires_at = now() + interval '1 day' WHERE id = (
                SELECT s.id FROM sessions s, a
                WHERE {IsUsable} AND s.last_used_at <= now() - interval '1 minute'
                ORDER BY s.id LIMIT 1 FOR UPDATE OF s SKIP LOCKED))
        SELECT a.id, a.scopes, a.audiences, s.id, s.expires_at - now(), s.created_at > now() - interval '15 minutes'
        FROM a LEFT JOIN sessions s ON {IsUsable}
        ORDER BY s.id LIMIT 1
        """;

    private const string UseBySecret =
        $"""
        WITH a AS (
            SELECT a.* FROM applications a JOIN application_secrets k ON k.application_id = a.id
            WHERE {MayUse} AND k.hash = @hash), {Use}
        """;

    // The assertion is used up. This checks again that the application has the key, because the start of a session waits for an admin.
    private const string UseByKey = $"WITH a AS (SELECT a.* FROM applications a WHERE {MayUse} AND a.jwks @> @key), {Use}";

    private const string MayUse =
        $"a.client_id = @client_id AND a.disabled_at IS NULL AND '{GrantType.ClientCredentials}' = ANY (a.grants)";

    private const string IsUsable = $"{LiveSession.IsLiveService} AND s.expires_at > now() + interval '1 hour'";

    private const string Start =
        $"""
        INSERT INTO sessions (
            id, kind, application_id, epoch, created_at, last_used_at, expires_at, device, network, methods)
        VALUES (
            @session, '{SessionKind.Service}', @application, 0, now(), now(), now() + interval '1 day', '', '', jsonb_build_object())
        """;

    public async Task<Results<Ok<TokenResponse>, Failure>> RunAsync(
        ProtocolParameters request, HttpRequest http, CancellationToken cancellationToken)
    {
        var (credential, refusal) = ClientCredential.Read(request, http);
        if (credential is null)
        {
            return refusal!;
        }

        // 1. Authenticate the application, and find its session.
        if (await ProveAsync(credential, cancellationToken) is not { ClientId: var clientId } proof)
        {
            return credential.Assertion is null
                ? await RefuseAsync(credential, request, http, cancellationToken)
                : OAuthError.InvalidClient;
        }

        var foundAt = clock.GetUtcNow();
        var found = await FindAsync(database.CreateCommand(proof.Use), proof, cancellationToken);
        if (found is { SessionId: null })
        {
            (foundAt, found) = (clock.GetUtcNow(), await StartAsync(proof, cancellationToken));
        }

        if (found is not { SessionId: { } sessionId, Remaining: { } remaining })
        {
            return await RefuseAsync(credential, request, http, cancellationToken);
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

    // The statement finds nothing for two reasons. An assertion is used up, so it cannot tell them apart.
    private async Task<Failure> RefuseAsync(
        ClientCredential credential, ProtocolParameters request, HttpRequest http, CancellationToken cancellationToken) =>
        credential.Assertion is null && (await authentication.RunAsync(request, http, cancellationToken)).Client is not null
            ? OAuthError.UnauthorizedClient
            : OAuthError.InvalidClient;

    // A secret is checked by the statement that uses the session.
    private async Task<Proof?> ProveAsync(ClientCredential credential, CancellationToken cancellationToken) => credential switch
    {
        { ClientId: { } clientId, Secret: { } secret } =>
            new(clientId, UseBySecret, new NpgsqlParameter("hash", NewSecret.HashOf(secret))),
        { Assertion: { } assertion } => await assertions.VerifyAsync(assertion, credential.ClientId, cancellationToken) is var (client, key)
            ? new(client.ClientId, UseByKey, ClientKeySet.ParameterOf(key))
            : null,
        _ => null,
    };

    // It bypasses Entity Framework, which would take longer to build the query than PostgreSQL takes to answer.
    private static async Task<Found?> FindAsync(NpgsqlCommand command, Proof proof, CancellationToken cancellationToken)
    {
        await using (command)
        {
            command.Parameters.AddRange((NpgsqlParameter[])[new("client_id", proof.ClientId), proof.Parameter.Clone()]);
            return await command.ReadCommittedRowAsync(
                row => new Found(
                    row.GetGuid(0), row.GetFieldValue<string[]>(1), row.GetFieldValue<string[]>(2), row.IsDBNull(3) ? null : row.GetGuid(3),
                    row.IsDBNull(4) ? null : row.GetTimeSpan(4), !row.IsDBNull(5) && row.GetBoolean(5)),
                cancellationToken);
        }
    }

    /// <summary>
    /// Starts a session, unless another replica did at this moment. It waits for an admin who disables the application, removes the secret
    /// or key, or ends the tokens, and sees what the admin did: the lock is a statement of its own.
    /// </summary>
    private async Task<Found?> StartAsync(Proof proof, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using (var @lock = new NpgsqlCommand("SELECT 1 FROM applications WHERE client_id = $1 FOR NO KEY UPDATE", connection))
        {
            @lock.Parameters.Add(new NpgsqlParameter<string> { TypedValue = proof.ClientId });
            await @lock.ExecuteNonQueryAsync(cancellationToken);
        }

        if (await FindAsync(new(proof.Use, connection), proof, cancellationToken) is { SessionId: null, Id: var application })
        {
            await using var start = new NpgsqlCommand(Start, connection);
            start.Parameters.AddWithValue("session", Guid.CreateVersion7(clock.GetUtcNow()));
            start.Parameters.AddWithValue("application", application);
            await start.ExecuteNonQueryAsync(cancellationToken);
        }

        var started = await FindAsync(new(proof.Use, connection), proof, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        UnconfirmedCommit.ThrowIfAny(connection);
        return started;
    }

    /// <param name="ClientId">The application that authenticates.</param>
    /// <param name="Use">The statement that checks that it may, and uses its session.</param>
    /// <param name="Parameter">Its parameter: the hash of the secret, or the key of the assertion.</param>
    private sealed record Proof(string ClientId, string Use, NpgsqlParameter Parameter);

    private sealed record Found(Guid Id, string[] Scopes, string[] Audiences, Guid? SessionId, TimeSpan? Remaining, bool IsYoung);
}
