using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>
/// The caller's account, whose row is locked until the transaction ends. Changes of its ways to sign in follow one another, so two removals
/// at once never leave it without one.
/// </summary>
internal sealed record LockedAccount(Guid Id, bool TwoStep, int FactorsEpoch, bool HasPassword, EnabledFactors Factors)
{
    private const string Lock =
        $"""
        {Caller.WithRecentProof}
        SELECT id AS "Id", two_step AS "TwoStep", factors_epoch AS "FactorsEpoch", password_hash IS NOT NULL AS "HasPassword"
        FROM caller
        """;

    /// <returns>The account, or why this caller may not change it.</returns>
    public static async Task<(LockedAccount? Account, Failure? Refusal)> LockAsync(
        IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        // The token first: the statement knows the row alone.
        if (await OwnAccount.DemandRecentProofAsync(db, user, cancellationToken) is (_, { } refusal))
        {
            return (null, refusal);
        }

        if (await db.Database.SqlQueryRaw<Row>(Lock, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken) is not [var row])
        {
            return (null, CommonFailures.InvalidToken()); // the session ended, or the proof became too old, at this moment
        }

        // A statement of its own: the first one sees other tables as they were before it waited for the lock.
        var factors = await EnabledFactors.FindAsync(db, row.Id, cancellationToken);
        return (new LockedAccount(row.Id, row.TwoStep, row.FactorsEpoch, row.HasPassword, factors), null);
    }

    /// <summary>Records that a way to sign in changed: sign-ins in progress, trusted devices and links in mails become void.</summary>
    /// <param name="db">The database.</param>
    /// <param name="twoStep">Whether a password needs more from now on.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    public Task RaiseAsync(IdentityDb db, bool twoStep, CancellationToken cancellationToken) => db.Database.ExecuteSqlRawAsync(
        "UPDATE users SET factors_epoch = factors_epoch + 1, two_step = @two_step WHERE id = @id",
        [new NpgsqlParameter("id", Id), new NpgsqlParameter("two_step", twoStep)], cancellationToken);

    private sealed record Row(Guid Id, bool TwoStep, int FactorsEpoch, bool HasPassword);
}
