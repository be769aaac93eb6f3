using System.Security.Claims;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AuthMesh.Identity.Accounts;

/// <param name="Email">The address that the owner proved; null if none.</param>
/// <param name="RequestedEmail">The address that is still to be proved; null if none.</param>
public sealed record AccountResponse(
    string Status, string Message, Guid Id, string Username, string? Email,
    [property: JsonPropertyName("email_verified")] bool IsEmailVerified,
    [property: JsonPropertyName("requested_email")] string? RequestedEmail, string Role,
    [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    [property: JsonPropertyName("has_password")] bool HasPassword,
    [property: JsonPropertyName("two_step")] bool TwoStep,
    bool Totp,
    [property: JsonPropertyName("recovery_codes")] int RecoveryCodes,
    int Passkeys);

/// <summary>Shows the caller's account.</summary>
internal sealed class ShowAccount(IdentityDb db)
{
    public static void Map(IEndpointRouteBuilder group) => group.MapGet(
        "", (ClaimsPrincipal user, ShowAccount showAccount, CancellationToken cancellationToken) =>
            showAccount.RunAsync(user, cancellationToken));

    public async Task<Results<Ok<AccountResponse>, Failure>> RunAsync(ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        if (await OwnAccount.FindForAnyKindAsync(db, user, cancellationToken) is not { } account)
        {
            return CommonFailures.InvalidToken();
        }

        var factors = await EnabledFactors.FindAsync(db, account.Id, cancellationToken);
        return TypedResults.Ok(new AccountResponse(
            "success", $"You are signed in as {account.Username}", account.Id, account.Username, account.Email,
            account.Email is not null, account.RequestedEmail, account.Role, account.CreatedAt, account.PasswordHash is not null,
            account.TwoStep, factors.Totp, factors.RecoveryCodes, factors.Passkeys));
    }
}
