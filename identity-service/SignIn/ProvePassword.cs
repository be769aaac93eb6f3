using AuthMesh.Errors;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SignIn;

/// <summary>
/// The only way to check a password. The caller takes a place in the hashing lane, the guess counts against its budget, and then the
/// lane computes the hash. A right password does not count, nor does a guess that was never hashed.
/// </summary>
internal sealed partial class ProvePassword(
    IdentityDb db, HashingLane lane, PasswordHashing passwords, CallerAddress callerAddress, DeviceCookies deviceCookies, Budgets budgets,
    Throttle throttle, TrustedDevices trustedDevices, SecurityEvents events, ILogger<ProvePassword> logger)
{
    // Every reason gets the same answer, so that it does not reveal which names exist (OWASP Authentication Cheat Sheet).
    public static readonly Failure InvalidCredentials = new(
        StatusCodes.Status401Unauthorized, "invalid_credentials", "Invalid credentials");

    // Not a 401: the token is valid, and a new sign-in would not help.
    public static readonly Failure WrongPassword = new(StatusCodes.Status403Forbidden, "wrong_password", "The current password is wrong");

    /// <summary>A sign-in step: checks a name and a password.</summary>
    public async Task<SignInStep> ForNameAsync(string name, string password, HttpContext context, CancellationToken cancellationToken)
    {
        // 1. Take a place in the lane before the first query. A known device uses its account's share, for any typed name.
        var (typed, network) = (SignInName.Parse(name), callerAddress.NetworkOf(context));
        var device = deviceCookies.Find(context.Request);
        using var place = await lane.EnterAsync(
            new Applicant(network, device?.UserId.ToString() ?? typed.Text, IsKnownDevice: device is not null), cancellationToken);
        if (place is null)
        {
            return new SignInStep.Refuse(HashingLane.Full);
        }

        // 2. Look the user up. An impossible name is looked up too, so that both cases take the same time.
        var user = await typed.FindIn(db.Users.AsNoTracking())
            .Select(user => new
            {
                user.Id, user.Epoch, user.FactorsEpoch, user.TwoStep, user.PasswordHash, IsDisabled = user.DisabledAt != null,
            })
            .FirstOrDefaultAsync(cancellationToken);

        // 3. Verify the password. An unknown user, a disabled user and a wrong password cost the same hash work.
        var knownDevice = user is not null && device?.IsFor(user.Id, user.Epoch) is true ? device : null;
        var hash = user is { IsDisabled: false } ? user.PasswordHash : null;
        var (verdict, refusal) = await VerifyAsync(
            place, budgets.ForLogin(Budgets.AccountOf(user?.Id, typed.Text), network, knownDevice), user?.Id, password, hash, context,
            cancellationToken);
        if (verdict is null)
        {
            return new SignInStep.Refuse(refusal!);
        }

        if (user is null || !verdict.IsMatch)
        {
            events.Write(
                SecurityEvent.LoginFailed(
                    user?.Id, user is null ? "unknown user" : user.IsDisabled ? "disabled" : "wrong password"), context);
            return new SignInStep.Refuse(InvalidCredentials);
        }

        // 4. Replace a hash of an older scheme or cost while the password is available. If the lane is full, the next login does it.
        if (verdict.IsOutdated && await passwords.HashAsync(place, password) is { } upgraded)
        {
            await db.Users.Where(row => row.Id == user.Id && row.PasswordHash == user.PasswordHash)
                .ExecuteUpdateAsync(row => row.SetProperty(u => u.PasswordHash, upgraded), cancellationToken);
        }

        // 5. A second factor is due, unless the user trusts this device. Trusted is not proved: the session has one factor then.
        var ticket = new SignInTicket(
            new ProvedUser(user.Id, user.Epoch, user.FactorsEpoch, [new ProvedMethod(ProvedMethods.Password)]), knownDevice);
        return user.TwoStep && !trustedDevices.Cover(knownDevice, user.FactorsEpoch)
            ? new SignInStep.SecondFactor(ticket)
            : new SignInStep.Complete(ticket);
    }

    /// <summary>Checks the password of a signed-in caller again, before an action that a stolen token alone must not perform.</summary>
    /// <returns>The proof, which the caller disposes, or the refusal.</returns>
    public async Task<(PasswordProof? Proof, Failure? Refusal)> ForCallerAsync(
        string password, HttpContext context, CancellationToken cancellationToken)
    {
        var (network, caller) = (callerAddress.NetworkOf(context), Caller.Of(context.User));
        var place = await lane.EnterAsync(new Applicant(network, context.User.UserId, IsKnownDevice: true), cancellationToken);
        if (place is null)
        {
            return (null, HashingLane.Full);
        }

        PasswordProof? proof = null;
        try
        {
            if (await OwnAccount.FindAsync(db, context.User, cancellationToken) is not { } account)
            {
                return (null, CommonFailures.InvalidToken());
            }

            var (verdict, refusal) = await VerifyAsync(
                place, budgets.ForSession(Budgets.AccountOf(account.Id), network, caller.SessionId), account.Id, password,
                account.PasswordHash, context, cancellationToken);
            if (verdict is null)
            {
                return (null, refusal);
            }

            if (!verdict.IsMatch)
            {
                events.Write(SecurityEvent.ReauthenticationFailed(account.Id, caller.SessionId, "wrong password"), context);
                return (null, WrongPassword);
            }

            proof = new PasswordProof(account, place, passwords);
            return (proof, null);
        }
        finally
        {
            if (proof is null)
            {
                place.Dispose();
            }
        }
    }

    /// <summary>Checks the password of an account that the caller named by other means than its name.</summary>
    /// <returns>The hash that the password was verified against, or the refusal.</returns>
    public async Task<(string? VerifiedHash, Failure? Refusal)> ForUserAsync(
        Guid userId, string password, HttpContext context, CancellationToken cancellationToken)
    {
        var network = callerAddress.NetworkOf(context);
        using var place = await lane.EnterAsync(new Applicant(network, userId.ToString(), IsKnownDevice: false), cancellationToken);
        if (place is null)
        {
            return (null, HashingLane.Full);
        }

        var hash = await db.Users.Where(user => user.Id == userId && user.DisabledAt == null).Select(user => user.PasswordHash)
            .FirstOrDefaultAsync(cancellationToken);
        var (verdict, refusal) = await VerifyAsync(
            place, budgets.ForLogin(Budgets.AccountOf(userId), network, knownDevice: null), userId, password, hash, context,
            cancellationToken);
        if (verdict is { IsMatch: false })
        {
            events.Write(SecurityEvent.LoginFailed(userId, "wrong password"), context);
            return (null, WrongPassword);
        }

        return verdict is null ? (null, refusal) : (hash, null);
    }

    /// <summary>
    /// Checks what a new password and the end of the account demand: the current password, and a recent proof of two factors if the account
    /// demands them. An account without a password demands a recent proof alone.
    /// </summary>
    /// <returns>The proof, which the caller disposes, or the refusal.</returns>
    public async Task<(PasswordProof? Proof, Failure? Refusal)> ForOwnAccountAsync(
        OwnAccount account, string? password, HttpContext context, CancellationToken cancellationToken)
    {
        if ((account.TwoStep || account.PasswordHash is null) && account.FindInsufficiency(context.User) is { } refusal)
        {
            return (null, refusal);
        }

        if (account.PasswordHash is not null)
        {
            return await ForCallerAsync(password!, context, cancellationToken);
        }

        var applicant = new Applicant(callerAddress.NetworkOf(context), context.User.UserId, IsKnownDevice: true);
        return await lane.EnterAsync(applicant, cancellationToken) is { } place
            ? (new PasswordProof(account, place, passwords), null)
            : (null, HashingLane.Full);
    }

    /// <returns>The verdict, or why the password was not checked.</returns>
    internal async Task<(PasswordVerdict? Verdict, Failure? Refusal)> VerifyAsync(
        HashingPlace place, Budget budget, Guid? userId, string password, string? hash, HttpContext? context,
        CancellationToken cancellationToken)
    {
        var (reservation, refusal, limit) = await throttle.ReserveAsync(budget, cancellationToken);
        if (reservation is null)
        {
            events.Write(SecurityEvent.LoginBlocked(userId, limit!), context);
            return (null, refusal);
        }

        PasswordVerdict? verdict;
        try
        {
            verdict = await passwords.VerifyAsync(place, password, hash);
        }
        catch (OperationCanceledException) // the caller left before its turn came
        {
            await reservation.GiveBackAsync();
            throw;
        }

        if (verdict is null)
        {
            await reservation.GiveBackAsync();
            return (null, HashingLane.Full);
        }

        if (verdict.IsMatch)
        {
            await reservation.ForgiveAsync();
        }

        if (verdict.Fault is { } fault)
        {
            LogUnusableHash(userId!.Value, fault);
        }

        return (verdict, null);
    }

    [LoggerMessage(LogLevel.Error, "The stored password hash of user {UserId} cannot be used: {Reason}")]
    private partial void LogUnusableHash(Guid userId, string reason);
}

/// <summary>
/// Proves that the caller knows the account's password, if it has one. It holds the caller's place in the lane until it is disposed.
/// </summary>
internal sealed class PasswordProof(OwnAccount account, HashingPlace place, PasswordHashing passwords) : IDisposable
{
    /// <summary>The account changed between the check of the password and the statement that relied on it.</summary>
    public static readonly Failure AccountChanged = new(
        StatusCodes.Status409Conflict, "account_changed", "The account was changed at this moment. Try again");

    /// <summary>The account at the time of the password check.</summary>
    public OwnAccount Account => account;

    /// <returns>The text to store for a new password, or null if the wait in the lane was too long.</returns>
    public Task<string?> HashAsync(string newPassword) => passwords.HashAsync(place, newPassword);

    public void Dispose() => place.Dispose();
}
