using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Applications;

/// <param name="Id">Of the new secret.</param>
/// <param name="ClientSecret">The secret. It is shown once.</param>
public sealed record AddSecretResponse(
    string Status, string Message, Guid Id, [property: JsonPropertyName("client_secret")] string ClientSecret);

/// <summary>Adds a second secret. Both work until the older one is removed, so that deployments change secrets without a gap.</summary>
internal static class AddSecret
{
    private static readonly Failure
        TooMany = new(StatusCodes.Status409Conflict, "too_many_secrets", "An application has at most 2 secrets. Remove one first"),
        Public = new(
            StatusCodes.Status409Conflict, "public_application",
            "An application in a browser or on a device keeps no secret, so it has none");

    private const string Insert =
        """
        INSERT INTO application_secrets (id, application_id, hash, created_at) SELECT @id, @application, @hash, now()
        WHERE (SELECT count(*) FROM application_secrets WHERE application_id = @application) < 2
        """;

    public static void Map(IEndpointRouteBuilder applications) => applications.MapPost("/{id}/secrets", HandleAsync)
        .ProducesFailure(AdminCaller.TwoFactorsDemanded, LockApplication.NotFound, LockApplication.Declared, TooMany, Public);

    private static async Task<Results<Created<AddSecretResponse>, Failure>> HandleAsync(
        string id, HttpContext context, IdentityDb db, LockApplication lockApplication, TimeProvider clock, SecurityEvents events,
        CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (application, refusal) = await lockApplication.RunAsync(context.User, id, cancellationToken);
        if (application is null)
        {
            return refusal!;
        }

        if (!ApplicationKind.IsConfidential(application.Settings.Kind))
        {
            return Public;
        }

        var secret = NewSecret.Create(clock.GetUtcNow());
        NpgsqlParameter[] parameters = [new("id", secret.Id), new("application", application.Id), new("hash", secret.Hash)];
        if (await db.Database.ExecuteSqlRawAsync(Insert, parameters, cancellationToken) == 0)
        {
            return TooMany;
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.ApplicationSecretAdded(Caller.Of(context.User).UserId, application.Id, secret.Id), context);
        return TypedResults.Created(
            (string?)null,
            new AddSecretResponse("success", "Secret added. Copy it now: it is not shown again", secret.Id, secret.Text));
    }
}
