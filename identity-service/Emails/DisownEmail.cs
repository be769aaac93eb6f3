using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Emails;

public sealed record DisownEmailRequest([property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Token = null);

/// <summary>"This is not my account": the owner of the mailbox drops an account's claim to the address.</summary>
internal sealed class DisownEmail(IdentityDb db, AccountProofs proofs, SecurityEvents events)
{
    private const string DropClaim =
        $"""
        WITH p AS (
            DELETE FROM account_proofs p USING users u
            WHERE p.token_hash = @hash AND p.purpose = '{nameof(ProofPurpose.VerifyEmail)}' AND {AccountProofs.Counts}
            RETURNING p.user_id)
        UPDATE users u SET requested_email = NULL FROM p WHERE u.id = p.user_id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/disown", (DisownEmailRequest request, HttpContext context, DisownEmail disownEmail, CancellationToken cancellationToken) =>
            disownEmail.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(ProofToken.InvalidOrExpired);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(
        DisownEmailRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (await proofs.FindAsync(request.Token, cancellationToken, ProofPurpose.VerifyEmail) is not { } proof)
        {
            return ProofToken.InvalidOrExpired;
        }

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        await proofs.LockAsync(proof.UserId, cancellationToken);
        if (await db.Database.ExecuteSqlRawAsync(DropClaim, [new NpgsqlParameter("hash", proof.TokenHash)], cancellationToken) == 0)
        {
            return ProofToken.InvalidOrExpired;
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.EmailDisowned(proof.UserId), context);
        return TypedResults.Ok(new MessageResponse("success", "That account no longer asks for your address"));
    }
}
