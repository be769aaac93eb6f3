using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Emails;

/// <summary>
/// What an address means for other accounts once one account has proved it. Both steps run in the transaction of the statement that proves
/// it, <see cref="LockAsync"/> before that statement and <see cref="ClearAsync"/> after it.
/// </summary>
internal sealed class ProvedAddresses(IdentityDb db, Outbox outbox)
{
    private const string Lock =
        """
        SELECT FROM users WHERE id = @user OR normalized_email = @address OR normalized_username = @address
            OR lower(requested_email COLLATE "C") = @address
        ORDER BY id FOR UPDATE
        """;

    // Their proofs of the address are void with the claim.
    private const string DropClaims =
        """UPDATE users SET requested_email = NULL WHERE lower(requested_email COLLATE "C") = @address AND id <> @user""";

    private const string TakeName =
        """
        UPDATE users SET username = @name, normalized_username = @name FROM (
            SELECT id AS taken_from, username AS old_username FROM users WHERE normalized_username = @address AND id <> @user) AS taken
        WHERE id = taken_from
        RETURNING id AS "UserId", old_username AS "OldUsername"
        """;

    /// <summary>Locks the account and all others that the address concerns, in the order of their ids.</summary>
    public Task LockAsync(Guid userId, EmailAddress address, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync(Lock, Parameters(userId, address), cancellationToken);

    /// <summary>
    /// Drops the claims of other accounts. If the address is another account's name, that account gets a free name, and its owner is told:
    /// text with <c>@</c> now means the account that proved the address.
    /// </summary>
    /// <returns>The account that lost its name, for the log after the commit; null if none did.</returns>
    public async Task<Guid?> ClearAsync(Guid userId, EmailAddress address, CancellationToken cancellationToken)
    {
        await db.Database.ExecuteSqlRawAsync(DropClaims, Parameters(userId, address), cancellationToken);
        if (await db.Database.SqlQueryRaw<TakenName>(
            TakeName, [.. Parameters(userId, address), new NpgsqlParameter("name", Username.Generate().Value)])
            .ToListAsync(cancellationToken) is not [var taken])
        {
            return null;
        }

        await outbox.NotifyAsync(
            taken.UserId, MailKind.UsernameReplaced, new Dictionary<string, string> { ["old_username"] = taken.OldUsername },
            cancellationToken);
        return taken.UserId;
    }

    private static NpgsqlParameter[] Parameters(Guid userId, EmailAddress address) =>
        [new("user", userId), new("address", address.Normalized)];

    private sealed record TakenName(Guid UserId, string OldUsername);
}
