using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Emails;

public sealed record ShowResetRequest([property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Token = null);

/// <param name="IsInvitation">Whether the account gets its first password.</param>
/// <param name="Passkeys">What else opens the account, newest first. If a thief added one, a new password alone locks nobody out.</param>
/// <param name="HasAuthenticator">Whether an authenticator app is in use.</param>
/// <param name="RecoveryCodes">The recovery codes that are left.</param>
public sealed record ShowResetResponse(
    string Status, string Message, string Username, [property: JsonPropertyName("invitation")] bool IsInvitation,
    IReadOnlyList<PasskeyOfReset> Passkeys, [property: JsonPropertyName("authenticator")] bool HasAuthenticator,
    [property: JsonPropertyName("recovery_codes")] int RecoveryCodes);

/// <param name="IsRecent">Whether it was added in the last 30 days.</param>
public sealed record PasskeyOfReset(
    Guid Id, string Name, [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt,
    [property: JsonPropertyName("recent")] bool IsRecent);

/// <summary>Says whose password a link sets, and what else opens the account. It consumes nothing.</summary>
internal sealed class ShowReset(IdentityDb db, AccountProofs proofs, TimeProvider clock)
{
    private static readonly TimeSpan Recent = TimeSpan.FromDays(30);

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/reset/show", (ShowResetRequest request, ShowReset show, CancellationToken cancellationToken) =>
            show.RunAsync(request, cancellationToken)).AllowAnonymous()
        .ProducesFailure(ProofToken.InvalidOrExpired);

    public async Task<Results<Ok<ShowResetResponse>, Failure>> RunAsync(ShowResetRequest request, CancellationToken cancellationToken)
    {
        if (await proofs.FindAsync(request.Token, cancellationToken, ProofPurpose.PasswordReset, ProofPurpose.Invitation)
            is not { } proof)
        {
            return ProofToken.InvalidOrExpired;
        }

        var since = clock.GetUtcNow() - Recent;
        var passkeys = await db.Passkeys.Where(passkey => passkey.UserId == proof.UserId)
            .OrderByDescending(passkey => passkey.CreatedAt)
            .Select(passkey => new PasskeyOfReset(passkey.Id, passkey.Name, passkey.CreatedAt, passkey.CreatedAt > since))
            .ToListAsync(cancellationToken);
        var factors = await EnabledFactors.FindAsync(db, proof.UserId, cancellationToken);
        return TypedResults.Ok(new ShowResetResponse(
            "success", $"This link sets the password of {proof.Username}", proof.Username,
            proof.Purpose == nameof(ProofPurpose.Invitation), passkeys, factors.Totp, factors.RecoveryCodes));
    }
}
