using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Applications;

public sealed record ChangeApplicationRequest(bool? Disabled = null) : ApplicationSettingsRequest;

/// <summary>
/// Changes an application's settings, or disables or enables it. A disabling, and a change that takes something away, end its tokens within
/// a second. A service then gets new ones, unless it is disabled. Users sign in again.
/// </summary>
internal static class ChangeApplication
{
    private const string Change =
        """
        UPDATE applications SET name = @name, is_first_party = @is_first_party, grants = @grants, scopes = @scopes,
            redirect_uris = @redirect_uris, post_logout_redirect_uris = @post_logout_redirect_uris,
            backchannel_logout_uri = @backchannel_logout_uri, audiences = @audiences, require_consent = @require_consent,
            require_pushed_requests = @require_pushed_requests,
            disabled_at = CASE WHEN @disabled THEN coalesce(disabled_at, now()) END
        WHERE id = @id
        """;

    public static void Map(IEndpointRouteBuilder applications) => applications.MapPatch("/{id}", HandleAsync);

    private static async Task<Results<Ok<ShowApplicationResponse>, Failure>> HandleAsync(
        string id, ChangeApplicationRequest request, HttpContext context, IdentityDb db, LockApplication lockApplication,
        IHostEnvironment environment, SecurityEvents events, CancellationToken cancellationToken)
    {
        if (request == new ChangeApplicationRequest())
        {
            return CommonFailures.InvalidRequest("Give a setting or disabled");
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (application, refusal) = await lockApplication.RunAsync(context.User, id, cancellationToken);
        if (application is null)
        {
            return refusal!;
        }

        var settings = application.Settings.With(request);
        if (settings.FindFaults(environment.IsDevelopment()) is { Count: > 0 } faults)
        {
            return CommonFailures.InvalidRequest(faults);
        }

        var isDisabled = request.Disabled ?? application.IsDisabled;
        await db.Database.ExecuteSqlRawAsync(
            Change,
            [
                .. settings.Parameters.Where(parameter => parameter.ParameterName != "kind"),
                new NpgsqlParameter("id", application.Id), new NpgsqlParameter("disabled", isDisabled),
            ],
            cancellationToken);
        if (isDisabled || settings.TakesAwayFrom(application.Settings))
        {
            await lockApplication.EndTokensAsync(application.Id, cancellationToken);
        }

        var changed = await ApplicationRows.ReadAsync(db, application.Id, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(
            SecurityEvent.ApplicationChanged(
                Caller.Of(context.User).UserId, application.Id,
                string.Join(
                    ", ", (string[])
                    [
                        .. isDisabled == application.IsDisabled ? [] : (string[])[isDisabled ? "disabled" : "enabled"],
                        .. settings.FindDifferences(application.Settings),
                    ])),
            context);
        return TypedResults.Ok(new ShowApplicationResponse("success", $"Application {changed.ClientId} changed", changed));
    }
}
