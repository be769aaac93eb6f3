using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Emails;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Admin;

/// <param name="Link">The link for the admin to hand out. It is shown once. Null if it goes out by mail.</param>
public sealed record ResetUserPasswordResponse(
    string Status, string Message, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Link);

/// <summary>
/// Gives a user a link that sets a new password. Where the mesh can mail it to the user's proved address, the admin never sees it. The
/// password and the sessions stay as they are until the user opens it.
/// </summary>
internal sealed class ResetUserPassword(
    IdentityDb db, LockUsers lockUsers, AccountProofs proofs, MailVerification mail, Outbox outbox, SecurityEvents events)
{
    private static readonly Failure Disabled = new(
        StatusCodes.Status409Conflict, "user_disabled", "The user is disabled. Enable the user first");

    public static void Map(IEndpointRouteBuilder users) => users.MapPost(
        "/{id}/password-reset",
        (string id, HttpContext context, ResetUserPassword resetPassword, CancellationToken cancellationToken) =>
            resetPassword.RunAsync(id, context, cancellationToken))
        .ProducesFailure(AdminCaller.NotFound, Disabled);

    public async Task<Results<Ok<ResetUserPasswordResponse>, Failure>> RunAsync(
        string id, HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var (users, refusal) = await lockUsers.ForSignInAsync(context.User, id, cancellationToken);
        if (users is null)
        {
            return refusal!;
        }

        // The caller's session may have ended during the wait for the lock.
        if (await AdminCaller.FindFaultAsync(db, context.User, isChange: true, cancellationToken) is { } fault)
        {
            return fault;
        }

        var target = users.Target;
        if (target.IsDisabled)
        {
            return Disabled;
        }

        string? link = null;
        if (mail.IsPossible && target.Email is { } address)
        {
            var language = await db.Users.Where(user => user.Id == target.Id).Select(user => user.Language).SingleAsync(cancellationToken);
            await outbox.AddAsync(
                target.Id, MailKind.PasswordReset, address, language ?? PreferredLanguage.Default, new Dictionary<string, string>(),
                Outbox.ResetLifetime, cancellationToken);
        }
        else
        {
            link = await proofs.CreateLinkAsync(ProofPurpose.PasswordReset, target.Id, address: null, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        events.Write(
            SecurityEvent.ResetIssued(Caller.Of(context.User).UserId, target.Id, link is null ? "mailed" : "shown"), context);
        return TypedResults.Ok(new ResetUserPasswordResponse(
            "success",
            link is null ? $"We sent {target.Username} a link" : $"Hand this link to {target.Username}. It is good for 30 minutes", link));
    }
}
