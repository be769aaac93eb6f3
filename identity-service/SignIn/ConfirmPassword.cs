using AuthMesh.Errors;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Tokens;

namespace AuthMesh.Identity.SignIn;

/// <summary>Asks for the password once more, before something that a stolen token alone must not do.</summary>
internal sealed partial class ConfirmPassword(
    HashingLane lane, CallerAddress callerAddress, Budgets budgets, VerifyGuess verifyGuess, ILogger<ConfirmPassword> logger)
{
    // Not a 401: the token is good, and signing in again would not help.
    private static readonly Failure WrongPassword = new(StatusCodes.Status403Forbidden, "wrong_password", "The current password is wrong");

    /// <summary>The account changed between the check of the password and the statement that relied on it.</summary>
    public static readonly Failure AccountChanged = new(
        StatusCodes.Status409Conflict, "account_changed", "The account was changed at this moment. Try again");

    /// <summary>Takes the caller's place in the hashing lane.</summary>
    public Task<HashingPlace?> EnterAsync(HttpContext context, CancellationToken cancellationToken) =>
        lane.EnterAsync(new Applicant(callerAddress.NetworkOf(context), context.User.UserId, IsKnownDevice: true), cancellationToken);

    /// <returns>Why the account's owner is not believed, or null.</returns>
    public async Task<Failure?> RunAsync(
        HashingPlace place, OwnAccount account, string password, HttpContext context, CancellationToken cancellationToken)
    {
        var budget = budgets.ForSession(
            account.Username.ToLowerInvariant(), callerAddress.NetworkOf(context), Caller.Of(context.User).SessionId);
        var (verdict, refusal) = await verifyGuess.RunAsync(place, budget, account.Id, password, account.PasswordHash, cancellationToken);
        if (verdict is null)
        {
            return refusal;
        }

        if (verdict.IsMatch)
        {
            return null;
        }

        LogWrongPassword(account.Id, verdict.Fault ?? "wrong password");
        return WrongPassword;
    }

    [LoggerMessage(LogLevel.Information, "User {UserId} was asked for the current password and refused: {Reason}")]
    private partial void LogWrongPassword(Guid userId, string reason);
}
