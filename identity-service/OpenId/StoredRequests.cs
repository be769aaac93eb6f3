using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Errors;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Throttling;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.OpenId;

/// <summary>A request that the browser has come with.</summary>
/// <param name="Id">It names the request in addresses. Nobody can guess it.</param>
/// <param name="TakenAt">When the browser came, in whole seconds as proofs are stored.</param>
internal sealed record TakenRequest(string Id, Guid ApplicationId, string Parameters, bool IsPushed, DateTimeOffset TakenAt)
{
    public ProtocolParameters? Read() => ProtocolParameters.TryParse(Encoding.UTF8.GetBytes(Parameters));
}

/// <summary>
/// Keeps authorization requests while they wait: see <see cref="StoredRequest"/>. Anybody may send one, so those of one network count
/// (<see cref="Budgets.ForAuthorizationRequest"/>), unless the application authenticated.
/// </summary>
internal sealed class StoredRequests(
    IdentityDb db, Primary database, Budgets budgets, Throttle throttle, CallerAddress callerAddress)
{
    /// <summary>The <c>request_uri</c> of a stored request is this and its id (RFC 9126 §2.2).</summary>
    public const string UriPrefix = "urn:ietf:params:oauth:request_uri:";

    /// <summary>How long the browser has to come with a pushed request.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    private const int IdBytes = 32;

    private const string Insert =
        """
        INSERT INTO authorization_requests (id_hash, application_id, parameters, is_pushed, taken_at, expires_at)
        VALUES (@id, @application, @parameters, @is_pushed, CASE WHEN @is_taken THEN now() END,
            now() + CASE WHEN @is_taken THEN interval '1 hour' ELSE interval '60 seconds' END)
        """;

    // The user has an hour to sign in and decide.
    private const string Take =
        """
        UPDATE authorization_requests SET taken_at = now(), expires_at = now() + interval '1 hour'
        WHERE id_hash = @id AND application_id = @application AND taken_at IS NULL AND expires_at > now()
        RETURNING application_id, parameters, is_pushed, date_trunc('second', taken_at)
        """;

    private const string Find =
        """
        SELECT application_id, parameters, is_pushed, date_trunc('second', taken_at) FROM authorization_requests
        WHERE id_hash = @id AND taken_at IS NOT NULL AND expires_at > now()
        """;

    /// <summary>Stores a request that the application sent before the browser comes.</summary>
    /// <returns>Its <c>request_uri</c>, or the refusal of a network that has sent too many.</returns>
    public async Task<(string? RequestUri, Failure? Refusal)> PushAsync(
        Client client, string parameters, bool isPushed, HttpContext context, CancellationToken cancellationToken) =>
        !(isPushed && ApplicationKind.IsConfidential(client.Kind)) && await RefuseAsync(context, cancellationToken) is { } refusal
            ? (null, refusal)
            : (UriPrefix + await InsertAsync(client, parameters, isPushed, isTaken: false, cancellationToken), null);

    /// <summary>Stores the request of a browser, whose user signs in or decides.</summary>
    /// <returns>The request, or the refusal of a network that has sent too many.</returns>
    public async Task<(TakenRequest? Request, Failure? Refusal)> KeepAsync(
        Client client, string parameters, HttpContext context, CancellationToken cancellationToken)
    {
        if (await RefuseAsync(context, cancellationToken) is { } refusal)
        {
            return (null, refusal);
        }

        var id = await InsertAsync(client, parameters, isPushed: false, isTaken: true, cancellationToken);
        return (await FindAsync(id, cancellationToken), null);
    }

    /// <summary>Finds the request of a <c>request_uri</c>. It counts once.</summary>
    public Task<TakenRequest?> TakeAsync(string requestUri, Client client, CancellationToken cancellationToken) =>
        requestUri.StartsWith(UriPrefix, StringComparison.Ordinal)
            ? RunAsync(Take, requestUri[UriPrefix.Length..], cancellationToken, new NpgsqlParameter("application", client.Id))
            : Task.FromResult<TakenRequest?>(null);

    public Task<TakenRequest?> FindAsync(string id, CancellationToken cancellationToken) => RunAsync(Find, id, cancellationToken);

    /// <summary>Removes a request that is answered. Call it in the transaction that answers.</summary>
    /// <returns>Whether this call removed it: a request has one answer.</returns>
    public async Task<bool> FinishAsync(string id, CancellationToken cancellationToken) =>
        HashOf(id) is { } hash && await db.Database.ExecuteSqlAsync(
            $"DELETE FROM authorization_requests WHERE id_hash = {hash} AND expires_at > now()", cancellationToken) > 0;

    private async Task<Failure?> RefuseAsync(HttpContext context, CancellationToken cancellationToken) =>
        (await throttle.ReserveAsync(budgets.ForAuthorizationRequest(callerAddress.NetworkOf(context)), cancellationToken)).Refusal;

    private static byte[]? HashOf(string id) =>
        CanonicalBase64Url.TryDecode(id, stackalloc byte[IdBytes]) ? SHA256.HashData(Encoding.ASCII.GetBytes(id)) : null;

    private async Task<string> InsertAsync(
        Client client, string parameters, bool isPushed, bool isTaken, CancellationToken cancellationToken)
    {
        var id = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(IdBytes));
        NpgsqlParameter[] values =
        [
            new("id", HashOf(id)!), new("application", client.Id), new("parameters", parameters), new("is_pushed", isPushed),
            new("is_taken", isTaken),
        ];
        await db.Database.ExecuteSqlRawAsync(Insert, values, cancellationToken);
        return id;
    }

    private async Task<TakenRequest?> RunAsync(
        string statement, string id, CancellationToken cancellationToken, params NpgsqlParameter[] parameters)
    {
        if (HashOf(id) is not { } hash)
        {
            return null;
        }

        await using var command = database.CreateCommand(statement);
        command.Parameters.AddRange((NpgsqlParameter[])[.. parameters, new("id", hash)]);
        return await command.ReadCommittedRowAsync(
            row => new TakenRequest(
                id, row.GetGuid(0), row.GetString(1), row.GetBoolean(2), row.GetFieldValue<DateTimeOffset>(3)),
            cancellationToken);
    }
}
