using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.ApiKeys;

/// <param name="Name">How the owner calls the key.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="ExpiresInDays">When it expires; 90 unless given.</param>
public sealed record CreateKeyRequest(
    [property: Required] string? Name = null, [property: Required] IReadOnlyList<string>? Scopes = null,
    [property: JsonPropertyName("expires_in_days")] int? ExpiresInDays = null);

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="Id">The <c>sid</c> of the key's tokens.</param>
/// <param name="Key">The key itself. It is shown once.</param>
/// <param name="Name">How the owner calls it.</param>
/// <param name="Scopes">What it may do.</param>
/// <param name="ExpiresAt">When it expires.</param>
public sealed record CreateKeyResponse(
    string Status, string Message, Guid Id, string Key, string Name, IReadOnlyList<string> Scopes,
    [property: JsonPropertyName("expires_at")] DateTimeOffset ExpiresAt);

/// <summary>Creates a key of the caller. A key opens the account's services, so it demands a recent proof, like any other way in.</summary>
internal sealed class CreateKey(
    IdentityDb db, Outbox outbox, IOptions<ApiKeyOptions> options, TimeProvider clock, SecurityEvents events)
{
    public const int DefaultDays = 90;

    private static readonly Failure TooMany = new(
        StatusCodes.Status409Conflict, "too_many_keys", "An account has at most 50 keys. Delete one first");

    // The caller's lock on the user lets each see the keys of all before it. A key proves nothing, so it has no methods.
    private const string Insert =
        $"""
        {Caller.With},
        added AS (
            INSERT INTO sessions (
                id, kind, user_id, epoch, created_at, last_used_at, expires_at, device, network, methods, name, scopes, key_hash)
            SELECT
                @id, '{SessionKind.Key}', u.id, u.epoch, now(), now(), now() + @lifetime, '', '', jsonb_build_object(), @name, @scopes,
                @hash
            FROM caller u
            WHERE (SELECT count(*) FROM sessions s WHERE {LiveSession.IsLiveKey}) < 50
            RETURNING expires_at)
        SELECT (SELECT count(*) FROM caller) = 1 AS "IsCallerLive", (SELECT expires_at FROM added) AS "ExpiresAt"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "", (CreateKeyRequest request, HttpContext context, CreateKey createKey, CancellationToken cancellationToken) =>
            createKey.RunAsync(request, context, cancellationToken)).RequireRecentSignIn(ProvedMethods.LongestAge)
        .ProducesFailure(TooMany);

    public async Task<Results<Ok<CreateKeyResponse>, Failure>> RunAsync(
        CreateKeyRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (FindFaults(request) is { Count: > 0 } faults)
        {
            return CommonFailures.InvalidRequest(faults);
        }

        // 1. Lock the account.
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (account, refusal) = await LockedAccount.LockAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        // 2. Add the key, in a statement of its own: the first one sees the keys, and the caller's session, as they were before it waited
        //    for the lock.
        var (id, key, name) = (Guid.CreateVersion7(clock.GetUtcNow()), KeyText.Create(), request.Name!.Trim());
        var lifetime = request.ExpiresInDays is { } days ? TimeSpan.FromDays(days) : Shorter(TimeSpan.FromDays(DefaultDays));
        NpgsqlParameter[] parameters =
        [
            .. Caller.Of(context.User).Parameters, new("id", id), new("lifetime", lifetime), new("name", name),
            new("scopes", request.Scopes!.ToArray()), new("hash", KeyText.Hash(key)),
        ];
        if (await db.Database.SqlQueryRaw<Outcome>(Insert, [.. parameters]).ToListAsync(cancellationToken)
            is not [{ IsCallerLive: true, ExpiresAt: var added }])
        {
            return CommonFailures.InvalidToken();
        }

        if (added is not { } expiresAt)
        {
            return TooMany;
        }

        await outbox.NotifyAsync(
            account.Id, MailKind.SignInMethodAdded, new Dictionary<string, string> { ["method"] = "key" }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.KeyCreated(account.Id, Caller.Of(context.User).SessionId, id), context);
        return TypedResults.Ok(new CreateKeyResponse(
            "success", "Key created. Copy it now: it is not shown again", id, key, name, request.Scopes!, expiresAt));
    }

    private Dictionary<string, string[]> FindFaults(CreateKeyRequest request)
    {
        var faults = new Dictionary<string, string[]>();
        NameAndScopes.CheckName(request.Name, faults);
        NameAndScopes.CheckScopes(request.Scopes, Scopes.IsScope, Scopes.Rule, faults);
        if (request.ExpiresInDays is { } days && (days < 1 || days > options.Value.LongestLifetime.TotalDays))
        {
            faults["expires_in_days"] = [$"must be 1 to {(int)options.Value.LongestLifetime.TotalDays}"];
        }

        return faults;
    }

    private TimeSpan Shorter(TimeSpan wanted) => wanted < options.Value.LongestLifetime ? wanted : options.Value.LongestLifetime;

    private sealed record Outcome(bool IsCallerLive, DateTimeOffset? ExpiresAt);
}
