using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform.Database;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>An application as the protocol sees it. It is not disabled.</summary>
/// <param name="Epoch">
/// What a statement stores for the application later, it stores only in this epoch: an admin may take away what was chosen from here.
/// </param>
internal sealed record Client(
    Guid Id, string ClientId, string Kind, string Name, bool IsFirstParty, string[] Grants, string[] Scopes, string[] RedirectUris,
    string[] PostLogoutRedirectUris, string[] Audiences, bool RequireConsent, bool RequirePushedRequests, int Epoch)
{
    public bool MayUse(string grant) => Grants.Contains(grant);

    /// <summary>Chooses the scopes for a request (RFC 6749 §3.3): those that it names, or all that the application has.</summary>
    /// <returns>The scopes, or null if the application does not have each of them.</returns>
    public string[]? ChooseScopes(string? requested)
    {
        // Without a word for it, no session outlives the sign-in. Some clients ask for it wherever the metadata lists it, so an application
        // that may not have it gets the rest (OpenID Connect Core 1.0 §11).
        var scopes = requested?.Split(' ').Where(scope => scope != StandardScope.OfflineAccess || Scopes.Contains(scope)).ToArray()
            ?? [.. Scopes.Where(scope => scope != StandardScope.OfflineAccess)];
        return scopes.Length > 0 && scopes.Distinct(StringComparer.Ordinal).Count() == scopes.Length
            && !scopes.Except(Scopes, StringComparer.Ordinal).Any() ? scopes : null;
    }

    /// <summary>Whether the application may ask for this resource (RFC 8707 §2).</summary>
    public bool MayReach(string resource) => Audiences.Contains(resource, StringComparer.Ordinal);
}

/// <summary>The scopes with a meaning of their own (OpenID Connect Core 1.0 §5.4, §11).</summary>
internal static class StandardScope
{
    /// <summary>The answer has an id_token, and the token opens <c>/userinfo</c>.</summary>
    public const string OpenId = "openid";

    public const string Profile = "profile", Email = "email";

    /// <summary>The session goes on when the sign-in that allowed it ends.</summary>
    public const string OfflineAccess = "offline_access";
}

/// <summary>Finds applications by their client_id.</summary>
internal sealed class Clients(Primary database)
{
    private const string Columns =
        """
        a.id, a.client_id, a.kind, a.name, a.is_first_party, a.grants, a.scopes, a.redirect_uris, a.post_logout_redirect_uris, a.audiences,
            a.require_consent, a.require_pushed_requests, a.epoch
        """;

    private const string IsNamed = "a.client_id = @client_id AND a.disabled_at IS NULL";

    private const string Find = $"SELECT {Columns} FROM applications a WHERE {IsNamed}";

    internal const string FindBySecret =
        $"{Find} AND EXISTS (SELECT FROM application_secrets k WHERE k.application_id = a.id AND k.hash = @hash)";

    private const string FindWithKeys = $"SELECT {Columns}, a.jwks::text FROM applications a WHERE {IsNamed} AND a.jwks IS NOT NULL";

    /// <returns>The application; null if none has the name, or if it is disabled.</returns>
    public Task<Client?> FindAsync(string? clientId, CancellationToken cancellationToken) =>
        clientId is null ? Task.FromResult<Client?>(null) : RunAsync(Find, cancellationToken, new NpgsqlParameter("client_id", clientId));

    /// <returns>The application; null also if it does not have the secret.</returns>
    public Task<Client?> FindBySecretAsync(string clientId, string secret, CancellationToken cancellationToken) => RunAsync(
        FindBySecret, cancellationToken, new NpgsqlParameter("client_id", clientId), new NpgsqlParameter("hash", NewSecret.HashOf(secret)));

    /// <returns>The application with its keys; null also if it has none.</returns>
    public async Task<(Client Client, ClientKeySet Keys)?> FindWithKeysAsync(string clientId, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(FindWithKeys);
        command.Parameters.AddWithValue("client_id", clientId);
        var found = await command.ReadCommittedRowAsync(row => Tuple.Create(Read(row), row.GetString(13)), cancellationToken);
        return found is var (client, keys) ? (client, ClientKeySet.Parse(keys)!) : null;
    }

    private static Client Read(NpgsqlDataReader row) => new(
        row.GetGuid(0), row.GetString(1), row.GetString(2), row.GetString(3), row.GetBoolean(4), row.GetFieldValue<string[]>(5),
        row.GetFieldValue<string[]>(6), row.GetFieldValue<string[]>(7), row.GetFieldValue<string[]>(8), row.GetFieldValue<string[]>(9),
        row.GetBoolean(10), row.GetBoolean(11), row.GetInt32(12));

    private async Task<Client?> RunAsync(string statement, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        await using var command = database.CreateCommand(statement);
        command.Parameters.AddRange(parameters);
        return await command.ReadCommittedRowAsync(Read, cancellationToken);
    }
}
