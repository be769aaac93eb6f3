using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Passkeys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Emails;

public sealed record ShowResetRequest([property: JsonConverter(typeof(AnyTextConverter))] string? Token = null);

/// <param name="IsInvitation">Whether the account gets its first password.</param>
/// <param name="Passkeys">
/// What else opens the account and is new: passkeys of the last 30 days. If a thief added one, a new password alone locks nobody out.
/// </param>
public sealed record ShowResetResponse(
    string Status, string Message, string Username, [property: JsonPropertyName("invitation")] bool IsInvitation,
    IReadOnlyList<RecentPasskey> Passkeys);

public sealed record RecentPasskey(Guid Id, string Name, [property: JsonPropertyName("created_at")] DateTimeOffset CreatedAt);

/// <summary>Says whose password a link sets, and what else opens the account. It consumes nothing.</summary>
internal sealed class ShowReset(IdentityDb db, AccountProofs proofs, TimeProvider clock)
{
    private static readonly TimeSpan Recent = TimeSpan.FromDays(30);

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/reset/show", (ShowResetRequest request, ShowReset show, CancellationToken cancellationToken) =>
            show.RunAsync(request, cancellationToken)).AllowAnonymous();

    public async Task<Results<Ok<ShowResetResponse>, Failure>> RunAsync(ShowResetRequest request, CancellationToken cancellationToken)
    {
        if (await proofs.FindAsync(request.Token, cancellationToken, ProofPurpose.PasswordReset, ProofPurpose.Invitation)
            is not { } proof)
        {
            return ProofToken.InvalidOrExpired;
        }

        var since = clock.GetUtcNow() - Recent;
        var passkeys = await db.Passkeys.Where(passkey => passkey.UserId == proof.UserId && passkey.CreatedAt > since)
            .OrderByDescending(passkey => passkey.CreatedAt)
            .Select(passkey => new RecentPasskey(passkey.Id, passkey.Name, passkey.CreatedAt)).ToListAsync(cancellationToken);
        return TypedResults.Ok(new ShowResetResponse(
            "success", $"This link sets the password of {proof.Username}", proof.Username,
            proof.Purpose == nameof(ProofPurpose.Invitation), passkeys));
    }
}
