using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.SignIn;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Accounts;

public sealed record ReauthenticateRequest(
    string? Password = null,
    [property: JsonConverter(typeof(AnyTextConverter))] string? Totp = null,
    [property: JsonPropertyName("recovery_code")][property: JsonConverter(typeof(AnyTextConverter))] string? RecoveryCode = null);

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
    ProvePassword provePassword, ProveCode proveCode, RecordProof recordProof, SecurityEvents events)
{
    private static readonly Failure NotOne = CommonFailures.InvalidRequest("Give exactly one of password, totp and recovery_code");

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/reauthenticate",
        (ReauthenticateRequest request, HttpContext context, Reauthenticate reauthenticate, CancellationToken cancellationToken) =>
            reauthenticate.RunAsync(request, context, cancellationToken));

    public async Task<Results<Ok<ReauthenticateResponse>, Failure>> RunAsync(
        ReauthenticateRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        var (proved, refusal) = await ProveAsync(request, context, cancellationToken);
        if (proved is null)
        {
            return refusal!;
        }

        if (await recordProof.RunAsync(context.User, proved.Method, proved.FactorsEpoch, cancellationToken) is not { } proof)
        {
            return PasswordProof.AccountChanged;
        }

        events.Write(SecurityEvent.Reauthenticated(proof.Session.UserId, proof.Session.Id, proved.Method), context);
        var token = recordProof.Answer(proof, context.Response);
        return TypedResults.Ok(new ReauthenticateResponse(
            "success", "Confirmed that it is you", token.Value, "Bearer", (int)token.Lifetime.TotalSeconds));
    }

    private Task<(Proved? Proved, Failure? Refusal)> ProveAsync(
        ReauthenticateRequest request, HttpContext context, CancellationToken cancellationToken) => request switch
        {
            { Password: { Length: > 0 } password, Totp: null, RecoveryCode: null } =>
                ProvePasswordAsync(password, context, cancellationToken),
            { Totp: { Length: > 0 } code, Password: null, RecoveryCode: null } =>
                ProveCodeAsync(CodeKind.Totp, code, context, cancellationToken),
            { RecoveryCode: { Length: > 0 } code, Password: null, Totp: null } =>
                ProveCodeAsync(CodeKind.RecoveryCode, code, context, cancellationToken),
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

    private sealed record Proved(string Method, int FactorsEpoch);
}
