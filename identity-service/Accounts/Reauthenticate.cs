using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Accounts;

public sealed record ReauthenticateRequest(
    string? Password = null,
    [property: JsonConverter(typeof(AnyTextConverter))] string? Totp = null,
    [property: JsonPropertyName("recovery_code")][property: JsonConverter(typeof(AnyTextConverter))] string? RecoveryCode = null,
    PasskeyProofRequest? Passkey = null);

/// <param name="Credential">What <c>navigator.credentials.get()</c> made, as JSON.</param>
/// <param name="State">The text that came with the options.</param>
public sealed record PasskeyProofRequest(
    [property: Required] JsonElement? Credential = null,
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? State = null);

/// <summary>An access token that says when the user proved who they are again. RFC 6749 §5.1 names the token members.</summary>
public sealed record ReauthenticateResponse(
    string Status, string Message, string Token,
    [property: JsonPropertyName("token_type")] string TokenType,
    [property: JsonPropertyName("expires_in")] int ExpiresInSeconds);

/// <summary>
/// Step-up (RFC 9470): a signed-in caller proves again who they are, for endpoints that demand a recent proof. For two factors the caller
/// proves one after the other.
/// </summary>
internal sealed class Reauthenticate(
    IdentityDb db, ProvePassword provePassword, ProveCode proveCode, PasskeyCeremony ceremony, SpendPasskey spend, RecordProof recordProof,
    SecurityEvents events)
{
    private static readonly Failure NotOne = CommonFailures.InvalidRequest("Give exactly one of password, totp, recovery_code and passkey");

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/reauthenticate",
        (ReauthenticateRequest request, HttpContext context, Reauthenticate reauthenticate, CancellationToken cancellationToken) =>
            reauthenticate.RunAsync(request, context, cancellationToken))
        .ProducesFailure(
            PasskeyChallenge.Invalid, PasskeyCeremony.RefusedForCaller, ProvePassword.WrongPassword, ProveCode.WrongOwnCode,
            ProveCode.Blocked, PasswordProof.AccountChanged);

    public async Task<Results<Ok<ReauthenticateResponse>, Failure>> RunAsync(
        ReauthenticateRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        var (proved, refusal) = await ProveAsync(request, context, cancellationToken);
        if (proved is null)
        {
            return refusal!;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await recordProof.RunAsync(context.User, proved.Method, proved.FactorsEpoch, cancellationToken) is not { } proof)
        {
            return PasswordProof.AccountChanged;
        }

        if (proved.Passkey is { } passkey && await SpendAsync(passkey, context, cancellationToken) is { } fault)
        {
            return fault;
        }

        await transaction.CommitAsync(cancellationToken);

        events.Write(SecurityEvent.Reauthenticated(proof.Session.UserId, proof.Session.Id, proved.Method), context);
        var token = recordProof.Answer(proof, context.Response);
        return TypedResults.Ok(new ReauthenticateResponse(
            "success", "Confirmed that it is you", token.Value, "Bearer", (int)token.Lifetime.TotalSeconds));
    }

    private Task<(Proved? Proved, Failure? Refusal)> ProveAsync(
        ReauthenticateRequest request, HttpContext context, CancellationToken cancellationToken) => request switch
        {
            { Password: { Length: > 0 } password, Totp: null, RecoveryCode: null, Passkey: null } =>
                ProvePasswordAsync(password, context, cancellationToken),
            { Totp: { Length: > 0 } code, Password: null, RecoveryCode: null, Passkey: null } =>
                ProveCodeAsync(CodeKind.Totp, code, context, cancellationToken),
            { RecoveryCode: { Length: > 0 } code, Password: null, Totp: null, Passkey: null } =>
                ProveCodeAsync(CodeKind.RecoveryCode, code, context, cancellationToken),
            { Passkey: { } passkey, Password: null, Totp: null, RecoveryCode: null } => ProvePasskeyAsync(passkey, context),
            _ => Task.FromResult<(Proved?, Failure?)>((null, NotOne)),
        };

    private async Task<(Proved?, Failure?)> ProvePasswordAsync(string password, HttpContext context, CancellationToken cancellationToken)
    {
        var (proof, refusal) = await provePassword.ForCallerAsync(password, context, cancellationToken);
        using (proof)
        {
            return (proof is null ? null : new Proved(ProvedMethods.Password, proof.Account.FactorsEpoch), refusal);
        }
    }

    private async Task<(Proved?, Failure?)> ProveCodeAsync(
        CodeKind kind, string code, HttpContext context, CancellationToken cancellationToken)
    {
        var (account, refusal) = await proveCode.ForCallerAsync(kind, code, context, cancellationToken);
        return (account is null ? null : new Proved(ProveCode.MethodOf(kind), account.FactorsEpoch), refusal);
    }

    private async Task<(Proved?, Failure?)> ProvePasskeyAsync(PasskeyProofRequest passkey, HttpContext context)
    {
        if (PasskeyAnswer.FindFaults(passkey.Credential, passkey.State) is { Count: > 0 } faults)
        {
            return (null, CommonFailures.InvalidRequest(faults));
        }

        if (ceremony.FindChallenge(ChallengePurpose.StepUp, Caller.Of(context.User).UserId, passkey.State!) is not { } challenge)
        {
            return (null, PasskeyChallenge.Invalid);
        }

        return await ceremony.VerifyAsync(challenge, passkey.Credential!.Value, context) is { } proved
            ? (new Proved(ProvedMethods.Passkey, proved.Account.FactorsEpoch, proved), null)
            : (null, RefusePasskey(context));
    }

    private async Task<Failure?> SpendAsync(ProvedPasskey passkey, HttpContext context, CancellationToken cancellationToken) =>
        !await spend.TakeChallengeAsync(passkey.Challenge, cancellationToken) ? PasskeyChallenge.Invalid
        : await spend.MoveCounterAsync(passkey, context, cancellationToken) ? null
        : RefusePasskey(context);

    private Failure RefusePasskey(HttpContext context)
    {
        var caller = Caller.Of(context.User);
        events.Write(SecurityEvent.ReauthenticationFailed(caller.UserId, caller.SessionId, "passkey refused"), context);
        return PasskeyCeremony.RefusedForCaller;
    }

    private sealed record Proved(string Method, int FactorsEpoch, ProvedPasskey? Passkey = null);
}
