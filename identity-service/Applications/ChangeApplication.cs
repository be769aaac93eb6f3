using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Applications;

public sealed record ChangeApplicationRequest(string? Name = null, IReadOnlyList<string>? Scopes = null, bool? Disabled = null);

/// <summary>
/// Changes an application's name or scopes, or disables or enables it. Other scopes and a disabling end its tokens within a second; it gets
/// new ones unless it is disabled.
/// </summary>
internal static class ChangeApplication
{
    private const string Change =
        """
        UPDATE applications SET name = @name, scopes = @scopes,
            disabled_at = CASE WHEN @disabled THEN coalesce(disabled_at, now()) END
        WHERE id = @id
        """;

    public static void Map(IEndpointRouteBuilder applications) => applications.MapPatch("/{id}", HandleAsync);

    private static async Task<Results<Ok<ShowApplicationResponse>, Failure>> HandleAsync(
        string id, ChangeApplicationRequest request, HttpContext context, IdentityDb db, LockApplication lockApplication,
        SecurityEvents events, CancellationToken cancellationToken)
    {
        var faults = new Dictionary<string, string[]>();
        CreateApplication.Check(request.Name, request.Scopes, faults);
        if (faults.Count > 0)
        {
            return CommonFailures.InvalidRequest(faults);
        }

        if (request is { Name: null, Scopes: null, Disabled: null })
        {
            return CommonFailures.InvalidRequest("Give name, scopes or disabled");
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (application, refusal) = await lockApplication.RunAsync(context.User, id, cancellationToken);
        if (application is null)
        {
            return refusal!;
        }

        var (scopes, isDisabled) = (request.Scopes?.ToArray() ?? application.Scopes, request.Disabled ?? application.IsDisabled);
        await db.Database.ExecuteSqlRawAsync(
            Change,
            [
                new NpgsqlParameter("id", application.Id), new NpgsqlParameter("name", request.Name?.Trim() ?? application.Name),
                new NpgsqlParameter("scopes", scopes), new NpgsqlParameter("disabled", isDisabled),
            ],
            cancellationToken);
        var isRescoped = !scopes.SequenceEqual(application.Scopes, StringComparer.Ordinal);
        if (isDisabled || isRescoped)
        {
            await lockApplication.EndTokensAsync(application.Id, cancellationToken);
        }

        var changed = await ApplicationRows.ReadAsync(db, application.Id, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(
            SecurityEvent.ApplicationChanged(
                Caller.Of(context.User).UserId, application.Id,
                isDisabled != application.IsDisabled ? isDisabled ? "disabled" : "enabled" : isRescoped ? "scopes" : "name"), context);
        return TypedResults.Ok(new ShowApplicationResponse("success", $"Application {changed.ClientId} changed", changed));
    }
}
