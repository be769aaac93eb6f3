using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Emails;

/// <summary>Removes the account's address, and the one it asks for. The address is told.</summary>
internal sealed class RemoveEmail(IdentityDb db, Outbox outbox, SecurityEvents events)
{
    private const string Remove =
        $"""
        {Caller.WithRecentProof}
        UPDATE users SET email = NULL, normalized_email = NULL, email_verified_at = NULL, requested_email = NULL
        FROM caller WHERE users.id = caller.id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapDelete(
        "", (HttpContext context, RemoveEmail removeEmail, CancellationToken cancellationToken) =>
            removeEmail.RunAsync(context, cancellationToken)).RequireRecentSignIn(ProvedMethods.LongestAge);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(HttpContext context, CancellationToken cancellationToken)
    {
        var (account, refusal) = await OwnAccount.DemandRecentProofAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        var caller = Caller.Of(context.User);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        // The mail's row refers to the user, and two callers that both held that reference could not both go on to change the address.
        await db.Database.ExecuteSqlAsync($"SELECT FROM users WHERE id = {account.Id} FOR UPDATE", cancellationToken);
        await outbox.NotifyAsync(account.Id, MailKind.EmailRemoved, new Dictionary<string, string>(), cancellationToken);
        if (await db.Database.ExecuteSqlRawAsync(Remove, [.. caller.Parameters], cancellationToken) == 0)
        {
            return CommonFailures.InvalidToken();
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.EmailRemoved(caller.UserId, caller.SessionId), context);
        return TypedResults.Ok(new MessageResponse("success", "This account has no address now"));
    }
}
