using System.Buffers;
using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Applications;

/// <param name="ClientId">By which it is known. It never changes.</param>
/// <param name="Kind">One of <see cref="ApplicationKind"/>; <c>service</c> unless given. It never changes.</param>
public sealed record CreateApplicationRequest(
    [property: Required][property: JsonPropertyName("client_id")] string? ClientId = null, string? Kind = null)
    : ApplicationSettingsRequest;

/// <param name="ClientSecret">The first secret, shown once; absent if the application keeps none, or authenticates by a key.</param>
public sealed record CreateApplicationResponse(
    string Status, string Message, ApplicationResponse Application,
    [property: JsonPropertyName("client_secret")]
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    string? ClientSecret);

/// <summary>Creates an application, with its first secret if it can keep one and has no key.</summary>
internal static class CreateApplication
{
    public const int Most = 1_000; // about: two admins at once may exceed it by one

    private static readonly Failure
        Taken = new(StatusCodes.Status409Conflict, "client_id_taken", "Another application has this client_id"),
        TooMany = new(StatusCodes.Status409Conflict, "too_many_applications", "There are 1000 applications. Delete one first");

    private static readonly SearchValues<char> Characters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789._-");

    public static void Map(IEndpointRouteBuilder applications) => applications.MapPost("", HandleAsync)
        .ProducesFailure(AdminCaller.TwoFactorsDemanded, Taken, TooMany);

    private static async Task<Results<Created<CreateApplicationResponse>, Failure>> HandleAsync(
        CreateApplicationRequest request, HttpContext context, IdentityDb db, LockApplication lockApplication, StoreApplication store,
        TimeProvider clock, IOptions<TokenOptions> tokens, LogoutNetworks networks, IHostEnvironment environment, SecurityEvents events,
        CancellationToken cancellationToken)
    {
        var (settings, faults) = Check(request.ClientId, request.Kind, request, tokens.Value, environment.IsDevelopment(), networks);
        if (faults.Count > 0)
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
        var id = Guid.CreateVersion7(now);
        if (!await store.AddAsync(id, request.ClientId!, settings, isDisabled: false, declaredVersion: null, cancellationToken))
        {
            return Taken;
        }

        var secret = ApplicationKind.IsConfidential(settings.Kind) && settings.Keys is null ? NewSecret.Create(now) : null;
        if (secret is not null)
        {
            await db.Database.ExecuteSqlAsync(
                $"INSERT INTO application_secrets (id, application_id, hash, created_at) VALUES ({secret.Id}, {id}, {secret.Hash}, now())",
                cancellationToken);
        }

        var made = await ApplicationRows.ReadAsync(db, id, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.ApplicationCreated(Caller.Of(context.User).UserId, id), context);
        return TypedResults.Created((string?)null, new CreateApplicationResponse(
            "success",
            $"Application {made.ClientId} created{(secret is not null ? ". Copy the secret now: it is not shown again" : "")}",
            made, secret?.Text));
    }

    /// <summary>Checks a new application, of a request or of a file.</summary>
    /// <returns>Its settings, and what is wrong with it by the names on the wire.</returns>
    public static (ApplicationSettings Settings, Dictionary<string, string[]> Faults) Check(
        string? clientId, string? givenKind, ApplicationSettingsRequest request, TokenOptions tokens, bool isDevelopment,
        LogoutNetworks networks)
    {
        var kind = givenKind ?? ApplicationKind.Service;
        var settings = ApplicationSettings.New(kind, clientId is { Length: > 0 } ? clientId : "unnamed", request);
        var faults = ApplicationKind.All.Contains(kind)
            ? settings.FindFaults(isDevelopment, networks)
            : new() { ["kind"] = [$"must be {string.Join(", ", ApplicationKind.All)}"] };
        if (clientId is not { Length: >= 1 and <= ApplicationMapping.LongestClientId }
            || clientId.AsSpan().ContainsAnyExcept(Characters) || !char.IsAsciiLetterOrDigit(clientId[0]))
        {
            faults["client_id"] = ["must be 1 to 64 of the characters a-z 0-9 . _ - and begin with a letter or digit"];
        }
        else if (clientId == tokens.ClientId)
        {
            faults["client_id"] = ["must differ from the name in tokens of sign-ins"];
        }

        return (settings, faults);
    }
}
