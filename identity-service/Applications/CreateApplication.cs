using System.Buffers;
using System.Text.Json.Serialization;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <param name="ClientId">By which it authenticates. It never changes.</param>
/// <param name="Name">How people call it; the client id unless given.</param>
/// <param name="Scopes">What it may do.</param>
public sealed record CreateApplicationRequest(
    [property: JsonPropertyName("client_id")] string? ClientId = null, string? Name = null, IReadOnlyList<string>? Scopes = null);

/// <param name="ClientSecret">The first secret. It is shown once.</param>
public sealed record CreateApplicationResponse(
    string Status, string Message, ApplicationResponse Application, [property: JsonPropertyName("client_secret")] string ClientSecret);

/// <summary>Creates an application with its first secret.</summary>
internal static class CreateApplication
{
    private const int Most = 1_000; // about: two admins at once may exceed it by one

    private static readonly Failure
        Taken = new(StatusCodes.Status409Conflict, "client_id_taken", "Another application has this client_id"),
        TooMany = new(StatusCodes.Status409Conflict, "too_many_applications", "There are 1000 applications. Delete one first");

    private const string Insert =
        """
        WITH added AS (
            INSERT INTO applications (id, client_id, name, scopes, created_at) VALUES (@id, @client_id, @name, @scopes, now())
            ON CONFLICT (client_id) DO NOTHING RETURNING id)
        INSERT INTO application_secrets (id, application_id, hash, created_at) SELECT @secret, id, @hash, now() FROM added
        """;

    private static readonly SearchValues<char> Characters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    public static void Map(IEndpointRouteBuilder applications) => applications.MapPost("", HandleAsync);

    /// <summary>Checks what a change may also give. A change leaves alone what is null.</summary>
    public static void Check(string? name, IReadOnlyList<string>? scopes, Dictionary<string, string[]> faults)
    {
        if (name is not null)
        {
            NameAndScopes.CheckName(name, faults);
        }

        if (scopes is not null)
        {
            NameAndScopes.CheckScopes(scopes, ScopeDemand.IsNameable, ScopeDemand.Rule, faults);
        }
    }

    private static async Task<Results<Created<CreateApplicationResponse>, Failure>> HandleAsync(
        CreateApplicationRequest request, HttpContext context, IdentityDb db, LockApplication lockApplication, TimeProvider clock,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        if (FindFaults(request) is { Count: > 0 } faults)
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
        NpgsqlParameter[] parameters =
        [
            new("id", id), new("client_id", request.ClientId!), new("name", (request.Name ?? request.ClientId!).Trim()),
            new("scopes", request.Scopes!.ToArray()), new("secret", secret.Id), new("hash", secret.Hash),
        ];
        if (await db.Database.ExecuteSqlRawAsync(Insert, parameters, cancellationToken) == 0)
        {
            return Taken;
        }

        var made = await ApplicationRows.ReadAsync(db, id, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.ApplicationCreated(Caller.Of(context.User).UserId, id), context);
        return TypedResults.Created(
            (string?)null,
            new CreateApplicationResponse(
                "success", $"Application {made.ClientId} created. Copy the secret now: it is not shown again", made, secret.Text));
    }

    private static Dictionary<string, string[]> FindFaults(CreateApplicationRequest request)
    {
        var faults = new Dictionary<string, string[]>();
        if (request.ClientId is not { Length: >= 1 and <= ApplicationMapping.LongestClientId } clientId
            || clientId.AsSpan().ContainsAnyExcept(Characters) || !char.IsAsciiLetterOrDigit(clientId[0]))
        {
            faults["client_id"] = ["must be 1 to 64 of the characters a-z 0-9 . _ - and begin with a letter or digit"];
        }

        Check(request.Name, request.Scopes ?? [], faults);
        return faults;
    }
}
