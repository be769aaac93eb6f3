using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

/// <summary>The account of a caller whose session is live.</summary>
/// <param name="IsProvedRecently">See <see cref="ProvedMethods.IsRecent"/>.</param>
internal sealed record OwnAccount(
    Guid Id, string Username, string Role, string? PasswordHash, DateTimeOffset CreatedAt, string? Email, string? RequestedEmail,
    bool TwoStep, int FactorsEpoch, bool IsProvedRecently)
{
    /// <summary>The account or the session changed between a check and the statement that relied on it.</summary>
    public static readonly Failure Changed = new(
        StatusCodes.Status409Conflict, "account_changed", "The account was changed at this moment. Try again");

    private const string Lock = $"""{Caller.WithRecentProof} SELECT id AS "Value" FROM caller""";

    private const string Find =
        $"""
        {Caller.With}
        SELECT u.id AS "Id", u.username AS "Username", u.role AS "Role", u.password_hash AS "PasswordHash", u.created_at AS "CreatedAt",
            u.email AS "Email", u.requested_email AS "RequestedEmail", u.two_step AS "TwoStep", u.factors_epoch AS "FactorsEpoch",
            {ProvedMethods.IsRecent} AS "IsProvedRecently"
        FROM caller u JOIN sessions s ON s.id = u.session_id
        """;

    /// <returns>The account, or null if the session ended or the account changed after the token was minted.</returns>
    public static async Task<OwnAccount?> FindAsync(IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        await db.Database.SqlQueryRaw<OwnAccount>(Find, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken) is [var account]
        ? account : null;

    /// <summary>
    /// Demands what changes to how one gets into the account demand: a recent proof, and two factors if the account demands two. The
    /// endpoint checks the age of the token's proof (<see cref="StepUp"/>); this checks its <c>acr</c> and the stored proof. The statement
    /// that acts begins with <see cref="Caller.WithRecentProof"/>, because the account may change in between.
    /// </summary>
    /// <returns>The account or the refusal.</returns>
    public static async Task<(OwnAccount? Account, Failure? Refusal)> DemandRecentProofAsync(
        IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        if (await FindAsync(db, user, cancellationToken) is not { } account)
        {
            return (null, CommonFailures.InvalidToken());
        }

        // An earlier token of the same session is not stepped up: somebody else may hold it.
        var isTokenStrong = !account.TwoStep || user.HasClaim(AccessTokenClaims.Assurance, Assurance.TwoFactors);
        return isTokenStrong && account.IsProvedRecently
            ? (account, null)
            : (null, CommonFailures.InsufficientAuthentication(
                (int)ProvedMethods.LongestAge.TotalSeconds, account.TwoStep ? Assurance.TwoFactors : null));
    }

    /// <summary>
    /// Locks the account until the end of the transaction, for a change to how one gets into it. The statements that follow see all such
    /// changes that were committed before.
    /// </summary>
    /// <returns>False if the session ended, or if its proof is no longer recent: see <see cref="Caller.WithRecentProof"/>.</returns>
    public static async Task<bool> LockAsync(IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        await db.Database.SqlQueryRaw<Guid>(Lock, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken) is [_];
}
