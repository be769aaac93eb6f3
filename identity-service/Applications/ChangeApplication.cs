using AuthMesh.Errors;
using AuthMesh.Identity.Admin;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Applications;

public sealed record ChangeApplicationRequest(bool? Disabled = null) : ApplicationSettingsRequest;

/// <summary>
/// Changes an application's settings, or disables or enables it. A disabling, and a change that takes something away, end its tokens within
/// a second. A service then gets new ones, unless it is disabled. Users sign in again.
/// </summary>
internal static class ChangeApplication
{
    public static void Map(IEndpointRouteBuilder applications) => applications.MapPatch("/{id}", HandleAsync)
        .ProducesFailure(AdminCaller.TwoFactorsDemanded, LockApplication.NotFound, LockApplication.Declared);

    private static async Task<Results<Ok<ShowApplicationResponse>, Failure>> HandleAsync(
        string id, ChangeApplicationRequest request, HttpContext context, IdentityDb db, LockApplication lockApplication,
        StoreApplication store, LogoutNetworks networks, IHostEnvironment environment, SecurityEvents events,
        CancellationToken cancellationToken)
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
        if (settings.FindFaults(environment.IsDevelopment(), networks) is { Count: > 0 } faults)
        {
            return CommonFailures.InvalidRequest(faults);
        }

        var changes = await store.ChangeAsync(
            application, settings, request.Disabled ?? application.IsDisabled, declaredVersion: null, cancellationToken);
        var changed = await ApplicationRows.ReadAsync(db, application.Id, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.ApplicationChanged(Caller.Of(context.User).UserId, application.Id, changes), context);
        return TypedResults.Ok(new ShowApplicationResponse("success", $"Application {changed.ClientId} changed", changed));
    }
}
