using System.Globalization;
using System.Security.Claims;
using AuthMesh.Access;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Sessions;

/// <summary>The account of a caller whose session is live.</summary>
/// <param name="IsProvedRecently">See <see cref="ProvedMethods.IsRecent"/>.</param>
/// <param name="Now">The statement's time, by PostgreSQL's clock.</param>
internal sealed record OwnAccount(
    Guid Id, string Username, string Role, string? PasswordHash, DateTimeOffset CreatedAt, string? Email, string? RequestedEmail,
    bool TwoStep, int FactorsEpoch, string? Language, bool IsProvedRecently, DateTimeOffset Now)
{
    /// <summary>
    /// The condition, for a user <c>u</c> and a session <c>s</c>, that the account still has the password that was verified, and that the
    /// session proved what an account with two factors or without a password demands besides.
    /// </summary>
    public const string IsProved =
        $"""
        u.password_hash IS NOT DISTINCT FROM @verified
            AND (NOT u.two_step AND u.password_hash IS NOT NULL OR {ProvedMethods.IsRecent})
        """;

    private const string Columns =
        $"""
        SELECT u.id AS "Id", u.username AS "Username", u.role AS "Role", u.password_hash AS "PasswordHash", u.created_at AS "CreatedAt",
            u.email AS "Email", u.requested_email AS "RequestedEmail", u.two_step AS "TwoStep", u.factors_epoch AS "FactorsEpoch",
            u.language AS "Language", {ProvedMethods.IsRecent} AS "IsProvedRecently", now() AS "Now"
        FROM caller u JOIN sessions s ON s.id = u.session_id
        """;

    private const string OfSignIn = $"{Caller.With} {Columns}", OfAnyKind = $"{Caller.WithAnyKind} {Columns}";

    /// <summary>The caller's proof is too old or too weak for a change to how one gets in.</summary>
    public static readonly Failure
        ProofDemanded = CommonFailures.InsufficientAuthentication((int)ProvedMethods.LongestAge.TotalSeconds, null),
        TwoFactorsDemanded = CommonFailures.InsufficientAuthentication(
            (int)ProvedMethods.LongestAge.TotalSeconds, Assurance.TwoFactors);

    /// <summary>The parameter of <see cref="IsProved"/>.</summary>
    public NpgsqlParameter Verified => new("verified", NpgsqlDbType.Text) { Value = (object?)PasswordHash ?? DBNull.Value };

    /// <returns>
    /// The account; null if the session ended or the account changed after the token was minted, or if the token is a key's.
    /// </returns>
    public static Task<OwnAccount?> FindAsync(IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        FindAsync(OfSignIn, db, user, cancellationToken);

    /// <summary>The same for an endpoint that opens to keys with a scope.</summary>
    public static Task<OwnAccount?> FindForAnyKindAsync(IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        FindAsync(OfAnyKind, db, user, cancellationToken);

    /// <summary>
    /// Demands what changes to how one gets into the account demand: a recent proof, and two factors if the account demands two, of the
    /// token and of the stored session. The statement that acts begins with <see cref="Caller.WithRecentProof"/>, because the account may
    /// change in between.
    /// </summary>
    /// <returns>The account or the refusal.</returns>
    public static async Task<(OwnAccount? Account, Failure? Refusal)> DemandRecentProofAsync(
        IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken)
    {
        if (await FindAsync(db, user, cancellationToken) is not { } account)
        {
            return (null, CommonFailures.InvalidToken());
        }

        return account.FindInsufficiency(user) is { } refusal ? (null, refusal) : (account, null);
    }

    /// <returns>The refusal of a caller whose proof is too old or too weak for this account, or null.</returns>
    public Failure? FindInsufficiency(ClaimsPrincipal user)
    {
        // An earlier token of the same session is not stepped up: somebody else may hold it.
        var isTokenStrong = !TwoStep || user.HasClaim(AccessTokenClaims.Assurance, Assurance.TwoFactors);
        return isTokenStrong && IsRecentToken(user) && IsProvedRecently
            ? null
            : TwoStep ? TwoFactorsDemanded : ProofDemanded;
    }

    private static async Task<OwnAccount?> FindAsync(
        string statement, IdentityDb db, ClaimsPrincipal user, CancellationToken cancellationToken) =>
        await db.Database.SqlQueryRaw<OwnAccount>(statement, [.. Caller.Of(user).Parameters]).ToListAsync(cancellationToken)
            is [var account] ? account : null;

    // Both times are by PostgreSQL's clock.
    private bool IsRecentToken(ClaimsPrincipal user) =>
        user.FindFirst(AccessTokenClaims.AuthenticatedAt) is { Value: var seconds }
        && DateTimeOffset.FromUnixTimeSeconds(long.Parse(seconds, CultureInfo.InvariantCulture)) > Now - ProvedMethods.LongestAge;
}
