using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Emails;

/// <summary>A proof that still counts, and its account. Reading it consumes nothing.</summary>
/// <param name="Address">The address that the proof was mailed to; null if an admin handed it out.</param>
internal sealed record LiveProof(byte[] TokenHash, string Purpose, Guid UserId, string Username, string? Email, string? Address);

/// <summary>Makes proofs and finds them. The statements that use them stand in the use cases.</summary>
internal sealed class AccountProofs(IdentityDb db, IOptions<AuthMeshOptions> mesh)
{
    /// <summary>
    /// The condition for a proof <c>p</c> of a user <c>u</c>. A change of a factor makes it void, and so does another address: a reset that
    /// was mailed to the address before opens nothing.
    /// </summary>
    public const string Counts =
        $"p.user_id = u.id AND p.expires_at > now() AND p.factors_epoch = u.factors_epoch AND u.disabled_at IS NULL AND {IsWanted}";

    // An invitation still opens the account after its address was dropped or changed, but not an account that has been opened: its mail may
    // be late or come twice.
    private const string IsWanted =
        $"""
        (CASE p.purpose WHEN '{nameof(ProofPurpose.PasswordReset)}' THEN p.address IS NULL OR p.address = u.email
            WHEN '{nameof(ProofPurpose.VerifyEmail)}' THEN p.address = u.requested_email
            ELSE u.password_hash IS NULL AND NOT EXISTS (SELECT FROM passkeys k WHERE k.user_id = u.id) END)
        """;

    // The mailbox holds an invitation for days before its owner looks. A reset answers a person who waits.
    private const string Lifetime =
        $"""
        CASE p.purpose WHEN '{nameof(ProofPurpose.PasswordReset)}' THEN interval '30 minutes'
            WHEN '{nameof(ProofPurpose.Invitation)}' THEN interval '7 days' ELSE interval '24 hours' END
        """;

    private const string Find =
        $"""
        SELECT p.token_hash AS "TokenHash", p.purpose AS "Purpose", u.id AS "UserId", u.username AS "Username", u.email AS "Email",
            p.address AS "Address"
        FROM account_proofs p, users u WHERE p.token_hash = @hash AND p.purpose = ANY (@purposes) AND {Counts}
        """;

    // Two older ones and the new one count: while a mail is late, people ask again.
    private const string DeleteOldest =
        """
        DELETE FROM account_proofs WHERE token_hash IN (
            SELECT token_hash FROM account_proofs WHERE user_id = @user AND purpose = @purpose ORDER BY created_at DESC OFFSET 2)
        """;

    private const string Insert =
        $"""
        INSERT INTO account_proofs (token_hash, purpose, user_id, factors_epoch, address, created_at, expires_at)
        SELECT p.token_hash, p.purpose, u.id, u.factors_epoch, p.address, now(), now() + {Lifetime}
        FROM users u, (SELECT @hash AS token_hash, @purpose AS purpose, @address AS address) AS p
        WHERE u.id = @user AND u.disabled_at IS NULL AND {IsWanted}
        """;

    /// <summary>Makes a proof, within the caller's transaction if there is one.</summary>
    /// <param name="purpose">What the link does.</param>
    /// <param name="userId">The account.</param>
    /// <param name="address">The address that it is mailed to; null if an admin hands it out.</param>
    /// <param name="cancellationToken">Cancels the statements.</param>
    /// <returns>The link, or null if the account is disabled or no longer has or asks for this address.</returns>
    public async Task<string?> CreateLinkAsync(ProofPurpose purpose, Guid userId, string? address, CancellationToken cancellationToken)
    {
        var token = ProofToken.Create();
        await using var own = db.Database.CurrentTransaction is null ? await db.Database.BeginTransactionAsync(cancellationToken) : null;
        await LockAsync(userId, cancellationToken); // so that two mails at once count each other's proof
        await db.Database.ExecuteSqlRawAsync(
            DeleteOldest, [new NpgsqlParameter("user", userId), new NpgsqlParameter("purpose", purpose.ToString())], cancellationToken);
        var inserted = await db.Database.ExecuteSqlRawAsync(
            Insert,
            [
                new NpgsqlParameter("hash", token.Hash), new NpgsqlParameter("purpose", purpose.ToString()),
                new NpgsqlParameter("address", NpgsqlDbType.Text) { Value = (object?)address ?? DBNull.Value },
                new NpgsqlParameter("user", userId),
            ],
            cancellationToken);
        if (own is not null)
        {
            await own.CommitAsync(cancellationToken);
        }

        // From the settings and never from a header, which an attacker could send (host header poisoning).
        return inserted == 1 ? $"{mesh.Value.OriginOfPages}{PathOf(purpose)}?token={token.Text}" : null;
    }

    /// <param name="token">As typed.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    /// <param name="purposes">Those that the caller accepts.</param>
    /// <returns>The proof, or null if it does not count.</returns>
    public async Task<LiveProof?> FindAsync(string? token, CancellationToken cancellationToken, params ProofPurpose[] purposes) =>
        ProofToken.TryParse(token) is { } parsed
        && await db.Database.SqlQueryRaw<LiveProof>(
            Find, new NpgsqlParameter("hash", parsed.Hash), new NpgsqlParameter("purposes", purposes.Select(p => p.ToString()).ToArray()))
            .ToListAsync(cancellationToken) is [var proof]
            ? proof : null;

    /// <summary>Makes the resets of an account void, within the transaction that ends its sessions.</summary>
    public Task RevokeResetsAsync(Guid userId, CancellationToken cancellationToken) => db.AccountProofs
        .Where(proof => proof.UserId == userId && proof.Purpose == nameof(ProofPurpose.PasswordReset))
        .ExecuteDeleteAsync(cancellationToken);

    /// <summary>
    /// Locks an account until the transaction ends, before one of its proofs is used: by the lock order, a user's row comes first.
    /// </summary>
    public Task LockAsync(Guid userId, CancellationToken cancellationToken) => db.Database.ExecuteSqlRawAsync(
        "SELECT FROM users WHERE id = @user FOR NO KEY UPDATE", [new NpgsqlParameter("user", userId)], cancellationToken);

    /// <summary>The links of mails, made when each mail is sent, so that the outbox holds no secret.</summary>
    public static IEnumerable<MailLink> MailLinks =>
    [
        Link(MailKind.VerifyEmail, ProofPurpose.VerifyEmail),
        Link(MailKind.PasswordReset, ProofPurpose.PasswordReset),
        Link(MailKind.Invitation, ProofPurpose.Invitation),
    ];

    private static MailLink Link(MailKind kind, ProofPurpose purpose) => new(
        kind, (services, mail, cancellationToken) => services.GetRequiredService<AccountProofs>()
            .CreateLinkAsync(purpose, mail.UserId, mail.Address, cancellationToken));

    private static string PathOf(ProofPurpose purpose) => purpose switch
    {
        ProofPurpose.VerifyEmail => "/verify-email",
        ProofPurpose.PasswordReset => "/reset",
        _ => "/invitation",
    };
}
