using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SignIn;

internal enum CodeKind
{
    Totp,
    RecoveryCode,
}

/// <summary>
/// The only way to check a code. It counts against its budget before it is checked; a right code does not count. How it counts against the
/// authenticator app is up to <see cref="ProveTotp"/>.
/// </summary>
internal sealed class ProveCode(
    IdentityDb db, PendingSignIns pendingSignIns, ProveTotp totp, RecoveryCodes recoveryCodes, TrustedDevices trustedDevices,
    Budgets budgets, Throttle throttle, Outbox outbox, SecurityEvents events)
{
    public static readonly Failure
        WrongLoginCode = new(StatusCodes.Status401Unauthorized, "wrong_code", "The code is wrong, or was used before"),
        // Not a 401: the token is valid, and a new sign-in would not help.
        WrongOwnCode = new(StatusCodes.Status403Forbidden, "wrong_code", "The code is wrong, or was used before"),
        Blocked = new(
            StatusCodes.Status403Forbidden, "totp_blocked",
            "Too many wrong codes. Use a recovery code or a passkey, set a new password by mail, or ask an admin");

    /// <summary>The wrong code at which the owner hears that somebody knows the password. Two are slips.</summary>
    private const int Suspicious = 3;

    /// <summary>A sign-in step: checks a code after the password.</summary>
    public async Task<SignInStep> ForSignInAsync(
        CodeKind kind, string loginToken, string code, bool trustDevice, HttpContext context, CancellationToken cancellationToken)
    {
        // 1. Find the sign-in.
        if (await pendingSignIns.FindAsync(loginToken, cancellationToken) is not { } pending)
        {
            events.Write(SecurityEvent.LoginFailed(null, "no such sign-in in progress"), context);
            return new SignInStep.Refuse(PendingSignIns.InvalidToken);
        }

        // 2. Count the code, against the budget and against this sign-in.
        var userId = pending.UserId;
        var (reservation, refusal, limit) = await throttle.ReserveAsync(
            budgets.ForCode(userId, pending.KnownDevice), cancellationToken);
        if (reservation is null)
        {
            events.Write(SecurityEvent.LoginBlocked(userId, limit!), context);
            return new SignInStep.Refuse(refusal!);
        }

        if (await pendingSignIns.CountTryAsync(pending, cancellationToken) is not { } tries)
        {
            await reservation.GiveBackAsync();
            return new SignInStep.Refuse(PendingSignIns.InvalidToken);
        }

        // 3. Check it.
        var verdict = await CheckAsync(kind, userId, code, reservation, context, cancellationToken);
        if (!verdict.IsRight)
        {
            events.Write(SecurityEvent.LoginFailed(userId, verdict.IsBlocked ? "too many wrong codes" : "wrong code"), context);
            if ((tries == Suspicious || verdict.WrongCodes == Suspicious) && await MayWarnAsync(userId, cancellationToken))
            {
                await outbox.NotifyAsync(userId, MailKind.PasswordKnown, new Dictionary<string, string>(), cancellationToken);
            }

            return new SignInStep.Refuse(verdict.IsBlocked ? Blocked : WrongLoginCode);
        }

        // 4. Use the login token up. Another request may have been faster, with another code.
        if (!await pendingSignIns.ConsumeAsync(pending, cancellationToken))
        {
            return new SignInStep.Refuse(PendingSignIns.InvalidToken);
        }

        ProvedMethod[] methods = [new(ProvedMethods.Password, pending.CreatedAt), new(MethodOf(kind))];
        return new SignInStep.Complete(new SignInTicket(
            new ProvedUser(userId, pending.Epoch, pending.FactorsEpoch, methods), pending.KnownDevice,
            trustDevice ? trustedDevices.Begin(pending.FactorsEpoch) : null));
    }

    /// <summary>Checks a code of a signed-in caller.</summary>
    /// <returns>The account as it was before the check, or the refusal.</returns>
    public async Task<(OwnAccount? Account, Failure? Refusal)> ForCallerAsync(
        CodeKind kind, string code, HttpContext context, CancellationToken cancellationToken)
    {
        var caller = Caller.Of(context.User);
        if (await OwnAccount.FindAsync(db, context.User, cancellationToken) is not { } account)
        {
            return (null, CommonFailures.InvalidToken());
        }

        var (reservation, refusal, limit) = await throttle.ReserveAsync(budgets.ForSessionCode(caller.SessionId), cancellationToken);
        if (reservation is null)
        {
            events.Write(SecurityEvent.LoginBlocked(caller.UserId, limit!), context);
            return (null, refusal);
        }

        var verdict = await CheckAsync(kind, caller.UserId, code, reservation, context, cancellationToken);
        if (verdict.IsRight)
        {
            return (account, null);
        }

        events.Write(
            SecurityEvent.ReauthenticationFailed(
                caller.UserId, caller.SessionId, verdict.IsBlocked ? "too many wrong codes" : "wrong code"), context);
        return (null, verdict.IsBlocked ? Blocked : WrongOwnCode);
    }

    // The thief decides how often this happens, so it counts among the mails that nobody asked for.
    private async Task<bool> MayWarnAsync(Guid userId, CancellationToken cancellationToken) =>
        await db.Users.Where(user => user.Id == userId).Select(user => user.Email).FirstOrDefaultAsync(cancellationToken) is { } address
        && (await throttle.ReserveAsync(budgets.ForWarning(address), cancellationToken)).Reservation is not null;

    public static string MethodOf(CodeKind kind) => kind == CodeKind.Totp ? ProvedMethods.Totp : ProvedMethods.RecoveryCode;

    private async Task<CodeVerdict> CheckAsync(
        CodeKind kind, Guid userId, string code, Reservation reservation, HttpContext context, CancellationToken cancellationToken)
    {
        var verdict = kind == CodeKind.Totp
            ? await totp.RunAsync(userId, code, cancellationToken)
            : new CodeVerdict(await recoveryCodes.UseAsync(userId, code, context, cancellationToken));
        if (verdict.IsRight)
        {
            await reservation.ForgiveAsync();
        }
        else if (verdict.IsBlocked)
        {
            await reservation.GiveBackAsync();
        }

        return verdict;
    }
}
