using System.Buffers;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <param name="ClientId">By which it is known. It never changes.</param>
/// <param name="Kind">One of <see cref="ApplicationKind"/>; <c>service</c> unless given. It never changes.</param>
public sealed record CreateApplicationRequest(
    [property: JsonPropertyName("client_id")] string? ClientId = null, string? Kind = null) : ApplicationSettingsRequest;

/// <param name="ClientSecret">The first secret, shown once; absent if the application keeps none.</param>
public sealed record CreateApplicationResponse(
    string Status, string Message, ApplicationResponse Application,
    [property: JsonPropertyName("client_secret")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? ClientSecret);

/// <summary>Creates an application, with its first secret if it can keep one.</summary>
internal static class CreateApplication
{
    private const int Most = 1_000; // about: two admins at once may exceed it by one

    private static readonly Failure
        Taken = new(StatusCodes.Status409Conflict, "client_id_taken", "Another application has this client_id"),
        TooMany = new(StatusCodes.Status409Conflict, "too_many_applications", "There are 1000 applications. Delete one first");

    /// <summary>It returns nothing if the name is taken.</summary>
    public const string Insert =
        """
        WITH added AS (
            INSERT INTO applications (
                id, client_id, kind, name, is_first_party, grants, scopes, redirect_uris, post_logout_redirect_uris, backchannel_logout_uri,
                audiences, require_consent, require_pushed_requests, created_at)
            VALUES (
                @id, @client_id, @kind, @name, @is_first_party, @grants, @scopes, @redirect_uris, @post_logout_redirect_uris,
                @backchannel_logout_uri, @audiences, @require_consent, @require_pushed_requests, now())
            ON CONFLICT (client_id) DO NOTHING RETURNING id),
        secret AS (
            INSERT INTO application_secrets (id, application_id, hash, created_at)
            SELECT @secret, id, @hash, now() FROM added WHERE @is_confidential)
        SELECT id AS "Value" FROM added
        """;

    private static readonly SearchValues<char> Characters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    public static void Map(IEndpointRouteBuilder applications) => applications.MapPost("", HandleAsync);

    private static async Task<Results<Created<CreateApplicationResponse>, Failure>> HandleAsync(
        CreateApplicationRequest request, HttpContext context, IdentityDb db, LockApplication lockApplication, TimeProvider clock,
        IOptions<TokenOptions> tokens, IHostEnvironment environment, SecurityEvents events, CancellationToken cancellationToken)
    {
        if (FindFaults(request, tokens.Value, environment.IsDevelopment(), out var settings) is { Count: > 0 } faults)
        {
            return CommonFailures.InvalidRequest(faults);
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await lockApplication.RefuseAsync(context.User, cancellationToken) is { } refusal)
        {
            return refusal;
        }

        if (await db.Database.SqlQuery<long>($"SELECT count(*) AS \"Value\" FROM applications").SingleAsync(cancellationToken) >= Most)
        {
            return TooMany;
        }

        var now = clock.GetUtcNow();
        var (id, secret) = (Guid.CreateVersion7(now), NewSecret.Create(now));
        var isConfidential = ApplicationKind.IsConfidential(settings.Kind);
        NpgsqlParameter[] parameters =
        [
            .. settings.Parameters, new("id", id), new("client_id", request.ClientId!), new("secret", secret.Id), new("hash", secret.Hash),
            new("is_confidential", isConfidential),
        ];
        if ((await db.Database.SqlQueryRaw<Guid>(Insert, parameters).ToListAsync(cancellationToken)).Count == 0)
        {
            return Taken;
        }

        var made = await ApplicationRows.ReadAsync(db, id, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.ApplicationCreated(Caller.Of(context.User).UserId, id), context);
        return TypedResults.Created((string?)null, new CreateApplicationResponse(
            "success",
            $"Application {made.ClientId} created{(isConfidential ? ". Copy the secret now: it is not shown again" : "")}",
            made, isConfidential ? secret.Text : null));
    }

    private static Dictionary<string, string[]> FindFaults(
        CreateApplicationRequest request, TokenOptions tokens, bool isDevelopment, out ApplicationSettings settings)
    {
        var kind = request.Kind ?? ApplicationKind.Service;
        settings = ApplicationSettings.New(kind, request.ClientId is { Length: > 0 } id ? id : "unnamed", request);
        if (!ApplicationKind.All.Contains(kind))
        {
            return new() { ["kind"] = [$"must be {string.Join(", ", ApplicationKind.All)}"] };
        }

        var faults = settings.FindFaults(isDevelopment);
        if (request.ClientId is not { Length: >= 1 and <= ApplicationMapping.LongestClientId } clientId
            || clientId.AsSpan().ContainsAnyExcept(Characters) || !char.IsAsciiLetterOrDigit(clientId[0]))
        {
            faults["client_id"] = ["must be 1 to 64 of the characters a-z 0-9 . _ - and begin with a letter or digit"];
        }
        else if (clientId == tokens.ClientId)
        {
            faults["client_id"] = ["must differ from the name in tokens of sign-ins"];
        }

        return faults;
    }
}
