using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.SignIn;

public sealed record LoginRequest(
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Username = null,
    [property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Password = null);

/// <summary>Signs in by a name and a password. An account that demands more is answered 401 <c>second_factor_required</c>.</summary>
internal sealed class Login(ProvePassword provePassword, DemandSecondFactor demandSecondFactor, CompleteSignIn completeSignIn)
{
    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/login", (LoginRequest request, HttpContext context, Login login, CancellationToken cancellationToken) =>
            login.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(ProvePassword.InvalidCredentials, DemandSecondFactor.Example);

    public async Task<Results<Ok<SignInResponse>, Failure>> RunAsync(
        LoginRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (FindFault(request) is { } fault)
        {
            return fault;
        }

        return await provePassword.ForNameAsync(request.Username!, request.Password!, context, cancellationToken) switch
        {
            SignInStep.Complete(var ticket) => await completeSignIn.RunAsync(ticket, context, cancellationToken) is { } answer
                ? TypedResults.Ok(answer)
                : ProvePassword.InvalidCredentials,
            SignInStep.SecondFactor(var ticket) => await demandSecondFactor.RunAsync(ticket, context, cancellationToken),
            SignInStep.Refuse(var failure) => failure,
            var step => throw new InvalidOperationException($"No endpoint handles {step}."),
        };
    }

    // Only a missing value gets a 400. Any other malformed value fails like a wrong password.
    private static Failure? FindFault(LoginRequest request)
    {
        var errors = new Dictionary<string, string[]>();
        if (request.Username is null)
        {
            errors["username"] = ["is required"];
        }

        if (request.Password is null)
        {
            errors["password"] = ["is required"];
        }

        return errors.Count > 0 ? CommonFailures.InvalidRequest("Username and password are required", errors) : null;
    }
}
