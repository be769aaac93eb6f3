using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>
/// Ends the trust in all devices, this one among them. It raises the account's <c>factors_epoch</c>, which their cookies carry; sessions go
/// on. Links in mails and sign-ins in progress end, too.
/// </summary>
internal sealed class ForgetTrustedDevices(IdentityDb db, SecurityEvents events)
{
    private const string Forget =
        $"""
        {Caller.WithRecentProof}
        UPDATE users SET factors_epoch = users.factors_epoch + 1 FROM caller WHERE users.id = caller.id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "/trusted-devices",
        (HttpContext context, ForgetTrustedDevices forget, CancellationToken cancellationToken) =>
            forget.RunAsync(context, cancellationToken));

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        // A stolen token must not end the owner's sign-ins in progress over and over.
        if ((await OwnAccount.DemandRecentProofAsync(db, context.User, cancellationToken)).Refusal is { } refusal)
        {
            return refusal;
        }

        var caller = Caller.Of(context.User);
        if (await db.Database.ExecuteSqlRawAsync(Forget, [.. caller.Parameters], cancellationToken) == 0)
        {
            return CommonFailures.InvalidToken();
        }

        events.Write(SecurityEvent.TrustedDevicesForgotten(caller.UserId, caller.SessionId), context);
        return TypedResults.Ok(new MessageResponse("success", "No device is trusted any more"));
    }
}
