using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>
/// Ends the trust in all devices, this one among them. It raises the account's <c>factors_epoch</c>, which their cookies carry; sessions go
/// on.
/// </summary>
internal sealed class ForgetTrustedDevices(IdentityDb db, SecurityEvents events)
{
    private const string Forget =
        $"""
        UPDATE users u SET factors_epoch = u.factors_epoch + 1 FROM sessions s
        WHERE u.id = @caller AND s.id = @caller_session AND s.epoch = @caller_epoch AND {LiveSession.IsLive}
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/trusted-devices",
        (HttpContext context, ForgetTrustedDevices forget, CancellationToken cancellationToken) =>
            forget.RunAsync(context, cancellationToken));

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        if (await db.Database.ExecuteSqlRawAsync(Forget, [.. caller.Parameters], cancellationToken) == 0)
        {
            return CommonFailures.InvalidToken();
        }

        events.Write(SecurityEvent.TrustedDevicesForgotten(caller.UserId, caller.SessionId), context);
        return TypedResults.Ok(new MessageResponse("success", "No device is trusted any more"));
    }
}
