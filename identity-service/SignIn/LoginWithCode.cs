using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.SignIn;

public sealed record LoginWithCodeRequest(
    [property: Required][property: JsonPropertyName("login_token")][property: JsonConverter(typeof(AnyTextConverter))]
    string? LoginToken = null,
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Code = null,
    [property: JsonPropertyName("trust_device")] bool TrustDevice = false);

/// <summary>Finishes a sign-in whose password was right, by a code of an authenticator app or by a recovery code.</summary>
internal sealed class LoginWithCode(ProveCode proveCode, CompleteSignIn completeSignIn)
{
    public static void Map(IEndpointRouteBuilder group)
    {
        group.MapPost(
            "/login/totp", (LoginWithCodeRequest request, HttpContext context, LoginWithCode login, CancellationToken cancellationToken) =>
                login.RunAsync(CodeKind.Totp, request, context, cancellationToken)).AllowAnonymous()
            .ProducesFailure(PendingSignIns.InvalidToken, ProveCode.WrongLoginCode, ProveCode.Blocked);
        group.MapPost(
            "/login/recovery-code",
            (LoginWithCodeRequest request, HttpContext context, LoginWithCode login, CancellationToken cancellationToken) =>
                login.RunAsync(CodeKind.RecoveryCode, request, context, cancellationToken)).AllowAnonymous()
            .ProducesFailure(PendingSignIns.InvalidToken, ProveCode.WrongLoginCode);
    }

    public async Task<Results<Ok<SignInResponse>, Failure>> RunAsync(
        CodeKind kind, LoginWithCodeRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (FindFault(request) is { } fault)
        {
            return fault;
        }

        return await proveCode.ForSignInAsync(
            kind, request.LoginToken!, request.Code!, request.TrustDevice, context, cancellationToken) switch
        {
            SignInStep.Complete(var ticket) => await completeSignIn.RunAsync(ticket, context, cancellationToken) is { } answer
                ? TypedResults.Ok(answer)
                : PendingSignIns.InvalidToken,
            SignInStep.Refuse(var failure) => failure,
            var step => throw new InvalidOperationException($"No endpoint handles {step}."),
        };
    }

    // Only a missing value gets a 400 that names it. Any other malformed value is an unknown token or a wrong code.
    private static Failure? FindFault(LoginWithCodeRequest request)
    {
        var errors = new Dictionary<string, string[]>();
        if (request.LoginToken is null)
        {
            errors["login_token"] = ["is required"];
        }

        if (request.Code is null)
        {
            errors["code"] = ["is required"];
        }

        return errors.Count > 0 ? CommonFailures.InvalidRequest(errors) : null;
    }
}
