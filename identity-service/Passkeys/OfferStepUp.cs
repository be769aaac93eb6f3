using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Passkeys;

/// <summary>The options with which a signed-in caller proves again who they are.</summary>
internal sealed class OfferStepUp(IdentityDb db, PasskeyCeremony ceremony)
{
    private static readonly Failure NoPasskey = new(
        StatusCodes.Status404NotFound, "passkey_not_found", "You have no passkey");

    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/assertion-options", HandleAsync)
        .ProducesFailure(NoPasskey);

    /// <returns>The options, or the refusal.</returns>
    public async Task<(PasskeyOptionsResponse? Options, Failure? Refusal)> RunAsync(
        HttpContext context, CancellationToken cancellationToken)
    {
        if (await OwnAccount.FindAsync(db, context.User, cancellationToken) is not { } account)
        {
            return (null, CommonFailures.InvalidToken());
        }

        return await PasskeyAccount.FindAsync(db, user => user.Id == account.Id, cancellationToken) is { Passkeys.Count: > 0 } found
            ? (await ceremony.OfferSignatureAsync(ChallengePurpose.StepUp, found, context), null)
            : (null, NoPasskey);
    }

    private static async Task<Results<Ok<PasskeyOptionsResponse>, Failure>> HandleAsync(
        HttpContext context, OfferStepUp offer, CancellationToken cancellationToken)
    {
        var (options, refusal) = await offer.RunAsync(context, cancellationToken);
        return options is not null ? TypedResults.Ok(options) : refusal!;
    }
}
