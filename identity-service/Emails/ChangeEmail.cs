using System.ComponentModel.DataAnnotations;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Emails;

public sealed record ChangeEmailRequest([property: Required] string? Email = null);

/// <summary>Asks for an address. The account keeps its address, which is told, until the owner proves the new one.</summary>
internal sealed class ChangeEmail(
    IdentityDb db, MailVerification verification, Outbox outbox, CallerAddress callerAddress, Budgets budgets, Throttle throttle,
    SecurityEvents events)
{
    private const string Request =
        $"""
        {Caller.WithRecentProof}
        UPDATE users SET requested_email = @email FROM caller WHERE users.id = caller.id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "", (ChangeEmailRequest request, HttpContext context, ChangeEmail changeEmail, CancellationToken cancellationToken) =>
            changeEmail.RunAsync(request, context, cancellationToken)).RequireRecentSignIn(ProvedMethods.LongestAge)
        .ProducesFailure(MailVerification.NotConfigured);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(
        ChangeEmailRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (!verification.IsPossible)
        {
            return MailVerification.NotConfigured;
        }

        if (string.IsNullOrEmpty(request.Email) || EmailAddress.TryParse(request.Email) is not { } address)
        {
            return Fault(string.IsNullOrEmpty(request.Email) ? "is required" : EmailAddress.Rule);
        }

        var (account, refusal) = await OwnAccount.DemandRecentProofAsync(db, context.User, cancellationToken);
        if (account is null)
        {
            return refusal!;
        }

        if (account.Email == address.Value)
        {
            return Fault("is the address of this account already");
        }

        (var reservation, refusal, _) = await throttle.ReserveAsync(
            budgets.ForRequestedMail(account.Id, address.Value, callerAddress.NetworkOf(context)), cancellationToken);
        if (reservation is null)
        {
            return refusal!;
        }

        var caller = Caller.Of(context.User);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await db.Database.ExecuteSqlRawAsync(
            Request, [.. caller.Parameters, new NpgsqlParameter("email", address.Value)], cancellationToken) == 0)
        {
            return CommonFailures.InvalidToken();
        }

        await verification.AddAsync(account.Id, address, context, cancellationToken);
        await outbox.NotifyAsync(
            account.Id, MailKind.EmailChanged, new Dictionary<string, string> { ["new_address"] = address.Value }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.EmailRequested(caller.UserId, caller.SessionId), context);
        return TypedResults.Ok(new MessageResponse("success", $"We sent a link to {address.Value}. Open it to confirm the address"));
    }

    private static Failure Fault(string text) =>
        CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["email"] = [text] });
}
