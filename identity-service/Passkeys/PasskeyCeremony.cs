using System.Text.Json;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Passkeys;

/// <summary>The options for the browser, and the state that the caller sends back with the browser's answer.</summary>
public sealed record PasskeyOptionsResponse(string Status, string Message, JsonElement Options, string State);

/// <summary>A passkey that signed a challenge. <see cref="SpendPasskey"/> makes the signature count once.</summary>
internal sealed record ProvedPasskey(PasskeyAccount Account, Guid PasskeyId, PasskeyChallenge Challenge, long SignCount, bool IsBackedUp);

/// <summary>
/// The two conversations with an authenticator (WebAuthn Level 3 §7): registration and assertion. The framework's handler verifies. What
/// is good here has not acted yet: the statement that acts also spends the challenge.
/// </summary>
internal sealed partial class PasskeyCeremony(
    IdentityDb db, IOptions<IdentityPasskeyOptions> options, KeyRing ring, TimeProvider clock, ILogger<PasskeyCeremony> logger)
{
    /// <summary>One answer for every fault of a passkey, so that it does not reveal which passkeys exist.</summary>
    public static readonly Failure
        RefusedAtSignIn = new(StatusCodes.Status401Unauthorized, "passkey_refused", "The passkey was not accepted"),
        RefusedForCaller = new(StatusCodes.Status403Forbidden, "passkey_refused", "The passkey was not accepted");

    /// <summary>What this service demands of passkeys.</summary>
    public static IOptions<IdentityPasskeyOptions> Demands(PasskeyOptions settings, AuthMeshOptions mesh) =>
        Options.Create(new IdentityPasskeyOptions
        {
            ServerDomain = settings.EffectiveDomain,
            ResidentKeyRequirement = "required", // so that a sign-in needs no name
            UserVerificationRequirement = "required", // a PIN or a fingerprint: the second factor
            AttestationConveyancePreference = "none",
            AuthenticatorTimeout = PasskeyChallenge.Lifetime,
            IsAllowedAlgorithm = algorithm => algorithm is -7 or -257, // ES256 and RS256 (RFC 9053 §2.1, RFC 8812 §2)
            // This replaces the handler's own check, including that of frames from other sites.
            ValidateOrigin = client => ValueTask.FromResult(
                client.Origin == mesh.OriginOfPages && !client.CrossOrigin && client.TopOrigin is null),
        });

    public async Task<PasskeyOptionsResponse> OfferNewAsync(PasskeyAccount account, HttpContext context)
    {
        var made = await NewHandler(context).Handler.MakeCreationOptionsAsync(
            new PasskeyUserEntity { Id = account.Handle, Name = account.Username, DisplayName = account.Username }, context);
        return Answer(ChallengePurpose.Add, account.Id, made.CreationOptionsJson, made.AttestationState!);
    }

    /// <param name="purpose">What the signature will be for.</param>
    /// <param name="account">The account that must sign; null if the passkey itself names it.</param>
    /// <param name="context">The request.</param>
    public async Task<PasskeyOptionsResponse> OfferSignatureAsync(ChallengePurpose purpose, PasskeyAccount? account, HttpContext context)
    {
        var made = await NewHandler(context).Handler.MakeRequestOptionsAsync(account, context);
        return Answer(purpose, account?.Id ?? Guid.Empty, made.RequestOptionsJson, made.AssertionState!);
    }

    /// <returns>The new credential, or the refusal.</returns>
    public async Task<(UserPasskeyInfo? Credential, PasskeyChallenge? Challenge, Failure? Refusal)> VerifyNewAsync(
        Guid userId, string state, JsonElement credential, HttpContext context)
    {
        if (FindChallenge(ChallengePurpose.Add, userId, state) is not { } challenge)
        {
            return (null, null, PasskeyChallenge.Invalid);
        }

        var (handler, store) = NewHandler(context);
        var result = await handler.PerformAttestationAsync(new PasskeyAttestationContext
        {
            HttpContext = context, CredentialJson = Text(credential), AttestationState = challenge.HandlerState,
        });
        if (!result.Succeeded)
        {
            store.ThrowFault();
            LogRefused(result.Failure.Message);
            return (null, null, RefusedForCaller);
        }

        return (result.Passkey, challenge, null);
    }

    /// <summary>Reads the text that came with the options. It costs no query.</summary>
    /// <param name="purpose">What the signature must be for.</param>
    /// <param name="userId">The account that must sign; empty if the passkey itself names it.</param>
    /// <param name="state">The text.</param>
    public PasskeyChallenge? FindChallenge(ChallengePurpose purpose, Guid userId, string state) =>
        PasskeyChallenge.TryParse(state, purpose, userId, ring, clock);

    /// <returns>The passkey, or null if it is not good.</returns>
    public async Task<ProvedPasskey?> VerifyAsync(PasskeyChallenge challenge, JsonElement credential, HttpContext context)
    {
        var (handler, store) = NewHandler(context);
        var result = await handler.PerformAssertionAsync(new PasskeyAssertionContext
        {
            HttpContext = context, CredentialJson = Text(credential), AssertionState = challenge.HandlerState,
        });
        if (!result.Succeeded)
        {
            store.ThrowFault();
            LogRefused(result.Failure.Message);
            return null;
        }

        var (account, proved) = (result.User, result.Passkey);
        if (account.IsDisabled)
        {
            LogRefused("the account is disabled");
            return null;
        }

        var passkey = account.Passkeys.Single(passkey => passkey.CredentialId.AsSpan().SequenceEqual(proved.CredentialId));
        return new ProvedPasskey(account, passkey.Id, challenge, proved.SignCount, proved.IsBackedUp);
    }

    private (PasskeyHandler<PasskeyAccount> Handler, PasskeyStore Store) NewHandler(HttpContext context)
    {
        var store = new PasskeyStore(db, context.RequestAborted);
        return (store.NewHandler(options), store);
    }

    private PasskeyOptionsResponse Answer(ChallengePurpose purpose, Guid userId, string optionsJson, string handlerState) => new(
        "success", "Continue with your passkey", JsonElement.Parse(optionsJson),
        PasskeyChallenge.Create(purpose, userId, handlerState, clock).ToText(ring));

    // The handler alone reads it, because browsers and password managers add members. Text that is no Unicode is no credential.
    private static string Text(JsonElement credential)
    {
        try
        {
            return credential.GetRawText();
        }
        catch (InvalidOperationException)
        {
            return "";
        }
    }

    // The handler quotes what the caller sent.
    private void LogRefused(string reason) => LogRefusedPasskey(string.Concat(reason.Where(c => !char.IsControl(c)).Take(300)));

    [LoggerMessage(LogLevel.Information, "A passkey was refused: {Reason}")]
    private partial void LogRefusedPasskey(string reason);
}
