using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.SignIn;

public sealed record LoginRequest(
    [property: JsonConverter(typeof(AnyTextConverter))] string? Username = null,
    [property: JsonConverter(typeof(AnyTextConverter))] string? Password = null);

internal static class Login
{
    public static void Map(IEndpointRouteBuilder group) => group.MapPost("/login", HandleAsync).AllowAnonymous();

    private static async Task<Results<Ok<SignInResponse>, Failure>> HandleAsync(
        LoginRequest request, HttpContext context, ProvePassword provePassword, CompleteSignIn completeSignIn,
        CancellationToken cancellationToken)
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
