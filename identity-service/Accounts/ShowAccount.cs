using System.Security.Claims;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Accounts;

/// <param name="Email">The address that the owner proved; null if none.</param>
/// <param name="RequestedEmail">The address that is still to be proved; null if none.</param>
public sealed record AccountResponse(
    string Status, string Message, Guid Id, string Username, string? Email,
    [property: JsonPropertyName("email_verified")] bool IsEmailVerified,
    [property: JsonPropertyName("requested_email")] string? RequestedEmail, string Role,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt);

internal static class ShowAccount
{
    public static void Map(IEndpointRouteBuilder group) => group.MapGet("", HandleAsync);

    private static async Task<Results<Ok<AccountResponse>, Failure>> HandleAsync(
        ClaimsPrincipal user, IdentityDb db, CancellationToken cancellationToken) =>
        await OwnAccount.FindAsync(db, user, cancellationToken) is { } account
            ? TypedResults.Ok(new AccountResponse(
                "success", $"You are signed in as {account.Username}", account.Id, account.Username, account.Email,
                account.Email is not null, account.RequestedEmail, account.Role, account.CreatedAt))
            : CommonFailures.InvalidToken();
}
