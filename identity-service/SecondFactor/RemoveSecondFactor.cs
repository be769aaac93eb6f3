using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>
/// Removes the second factor of an owner who proved their identity by other means: authenticator app, recovery codes, trusted devices and
/// the demand for more than a password. Passkeys stay: they sign in by themselves.
/// </summary>
internal sealed class RemoveSecondFactor(IdentityDb db, Outbox outbox)
{
    /// <summary>Runs in the caller's transaction, which has locked the user's row.</summary>
    public async Task RunAsync(Guid userId, CancellationToken cancellationToken)
    {
        await db.Database.ExecuteSqlAsync(
            $"UPDATE users SET two_step = false, factors_epoch = factors_epoch + 1 WHERE id = {userId}", cancellationToken);
        await db.TotpSecrets.Where(row => row.UserId == userId).ExecuteDeleteAsync(cancellationToken);
        await RecoveryCodes.RemoveAsync(db, userId, cancellationToken);
        await outbox.NotifyAsync(
            userId, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "two_step" }, cancellationToken);
    }
}
