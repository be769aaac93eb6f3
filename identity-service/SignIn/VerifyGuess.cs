using AuthMesh.Errors;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Throttling;

namespace AuthMesh.Identity.SignIn;

/// <summary>
/// The one way to check somebody's password: a guess is counted before its hash, and only one that was right, or never made, is not counted
/// any more.
/// </summary>
internal sealed class VerifyGuess(Throttle throttle, PasswordHashing passwords)
{
    /// <param name="place">The caller's, in the lane.</param>
    /// <param name="budget">What the guess draws on.</param>
    /// <param name="userId">Whose password is tried; null where that is nobody's.</param>
    /// <param name="password">As typed.</param>
    /// <param name="passwordHash">The user's hash, or null where no password shall match.</param>
    /// <param name="cancellationToken">The caller leaves.</param>
    /// <returns>The verdict, or why there is none.</returns>
    public async Task<(PasswordVerdict? Verdict, Failure? Refusal)> RunAsync(
        HashingPlace place, Budget budget, Guid? userId, string password, string? passwordHash, CancellationToken cancellationToken)
    {
        var (reservation, refusal) = await throttle.ReserveAsync(budget, userId, cancellationToken);
        if (reservation is null)
        {
            return (null, refusal);
        }

        PasswordVerdict? verdict;
        try
        {
            verdict = await passwords.VerifyAsync(place, password, passwordHash);
        }
        catch (OperationCanceledException) // the caller left before the turn came
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

        return (verdict, null);
    }
}
