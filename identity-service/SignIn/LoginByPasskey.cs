using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.SignIn;

/// <param name="LoginToken">The token of a sign-in whose password was right; none if the passkey itself names the account.</param>
public sealed record PasskeyLoginOptionsRequest(
    [property: JsonPropertyName("login_token")][property: JsonConverter(typeof(AnyTextConverter))] string? LoginToken = null);

/// <param name="Credential">What <c>navigator.credentials.get()</c> made, as JSON.</param>
/// <param name="State">The text that came with the options.</param>
/// <param name="LoginToken">The same as for the options.</param>
/// <param name="TrustDevice">After a password: whether a password alone signs in here from now on.</param>
public sealed record LoginByPasskeyRequest(
    [property: Required] JsonElement? Credential = null,
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? State = null,
    [property: JsonPropertyName("login_token")][property: JsonConverter(typeof(AnyTextConverter))] string? LoginToken = null,
    [property: JsonPropertyName("trust_device")] bool TrustDevice = false);

/// <summary>
/// Signs in by a passkey: without a name, or after the password. It takes no place in the hashing lane, because a signature costs little to
/// check.
/// </summary>
internal sealed class LoginByPasskey(
    IdentityDb db, PasskeyCeremony ceremony, SpendPasskey spend, PendingSignIns pendingSignIns, CompleteSignIn completeSignIn,
    TrustedDevices trustedDevices, DeviceCookies deviceCookies, CallerAddress callerAddress, Budgets budgets, Throttle throttle,
    SecurityEvents events)
{
    public static void Map(IEndpointRouteBuilder group)
    {
        group.MapPost(
            "/login/passkey/options",
            async Task<Results<Ok<PasskeyOptionsResponse>, Failure>> (
                PasskeyLoginOptionsRequest request, HttpContext context, LoginByPasskey login, CancellationToken cancellationToken) =>
                await login.OfferAsync(request.LoginToken, context, cancellationToken) is { } options
                    ? TypedResults.Ok(options) : PendingSignIns.InvalidToken).AllowAnonymous()
            .ProducesFailure(PendingSignIns.InvalidToken);
        group.MapPost(
            "/login/passkey",
            (LoginByPasskeyRequest request, HttpContext context, LoginByPasskey login, CancellationToken cancellationToken) =>
                login.RunAsync(request, context, cancellationToken)).AllowAnonymous()
            .ProducesFailure(PendingSignIns.InvalidToken, PasskeyChallenge.Invalid, PasskeyCeremony.RefusedAtSignIn);
    }

    /// <returns>The options for the browser, or null if the login token is not good.</returns>
    public async Task<PasskeyOptionsResponse?> OfferAsync(string? loginToken, HttpContext context, CancellationToken cancellationToken)
    {
        if (loginToken is null)
        {
            return await ceremony.OfferSignatureAsync(ChallengePurpose.SignIn, account: null, context);
        }

        return await pendingSignIns.FindAsync(loginToken, cancellationToken) is { UserId: var userId }
            && await PasskeyAccount.FindAsync(db, user => user.Id == userId, cancellationToken) is { } account
                ? await ceremony.OfferSignatureAsync(ChallengePurpose.SecondStep, account, context)
                : null;
    }

    public async Task<Results<Ok<SignInResponse>, Failure>> RunAsync(
        LoginByPasskeyRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (PasskeyAnswer.FindFaults(request.Credential, request.State) is { Count: > 0 } faults)
        {
            return CommonFailures.InvalidRequest(faults);
        }

        // 1. Find what the signature is for.
        PendingSignIn? pending = null;
        if (request.LoginToken is { } token && (pending = await pendingSignIns.FindAsync(token, cancellationToken)) is null)
        {
            events.Write(SecurityEvent.LoginFailed(null, "no such sign-in in progress"), context);
            return PendingSignIns.InvalidToken;
        }

        var purpose = pending is null ? ChallengePurpose.SignIn : ChallengePurpose.SecondStep;
        if (ceremony.FindChallenge(purpose, pending?.UserId ?? Guid.Empty, request.State!) is not { } challenge)
        {
            return PasskeyChallenge.Invalid;
        }

        // 2. Verify it.
        var (proved, refusal) = await VerifyAsync(challenge, request.Credential!.Value, context, cancellationToken);
        if (proved is null)
        {
            return refusal!;
        }

        // 3. Start the session and use up the challenge and the login token, all or nothing.
        var account = proved.Account;
        var device = pending is null ? deviceCookies.Find(context.Request) : pending.KnownDevice;
        var passkey = new ProvedMethod(ProvedMethods.Passkey);
        var ticket = pending is null
            ? new SignInTicket(
                new ProvedUser(account.Id, account.Epoch, account.FactorsEpoch, [passkey]),
                device?.IsFor(account.Id, account.Epoch) is true ? device : null)
            : new SignInTicket(
                new ProvedUser(
                    account.Id, pending.Epoch, pending.FactorsEpoch,
                    [new ProvedMethod(ProvedMethods.Password, pending.CreatedAt), passkey]),
                device, request.TrustDevice ? trustedDevices.Begin(pending.FactorsEpoch) : null);
        var (answer, fault) = await completeSignIn.RunAsync(
            ticket, token => SpendAsync(proved, pending, context, token), context, cancellationToken);
        return answer is not null ? TypedResults.Ok(answer) : fault ?? PasskeyChallenge.Invalid;
    }

    private async Task<(ProvedPasskey? Proved, Failure? Refusal)> VerifyAsync(
        PasskeyChallenge challenge, JsonElement credential, HttpContext context, CancellationToken cancellationToken)
    {
        var (reservation, refusal, limit) = await throttle.ReserveAsync(
            budgets.ForPasskey(callerAddress.NetworkOf(context)), cancellationToken);
        if (reservation is null)
        {
            events.Write(SecurityEvent.LoginBlocked(null, limit!), context);
            return (null, refusal);
        }

        if (await ceremony.VerifyAsync(challenge, credential, context) is not { } proved)
        {
            events.Write(SecurityEvent.LoginFailed(challenge.UserId == Guid.Empty ? null : challenge.UserId, "passkey refused"), context);
            return (null, PasskeyCeremony.RefusedAtSignIn);
        }

        await reservation.GiveBackAsync();
        return (proved, null);
    }

    private async Task<Failure?> SpendAsync(
        ProvedPasskey proved, PendingSignIn? pending, HttpContext context, CancellationToken cancellationToken)
    {
        if (!await spend.TakeChallengeAsync(proved.Challenge, cancellationToken))
        {
            return Refuse(PasskeyChallenge.Invalid, "challenge used before");
        }

        if (pending is not null && !await pendingSignIns.ConsumeAsync(pending, cancellationToken))
        {
            return Refuse(PendingSignIns.InvalidToken, "login token used before");
        }

        return await spend.MoveCounterAsync(proved, context, cancellationToken) ? null
            : Refuse(PasskeyCeremony.RefusedAtSignIn, "passkey refused");

        Failure Refuse(Failure failure, string reason)
        {
            events.Write(SecurityEvent.LoginFailed(proved.Account.Id, reason), context);
            return failure;
        }
    }
}
