using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.SecondFactor;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.Passkeys;

/// <summary>
/// Makes a good signature count once. Both statements run in the transaction of what the signature is for, after the
/// statement that locks the user or the session. A transaction that is not committed spends nothing.
/// </summary>
internal sealed class SpendPasskey(IdentityDb db, SecurityEvents events)
{
    // Of concurrent uses of a challenge, all others wait for the first, and then insert nothing. The row outlives the challenge by far,
    // because the replica's clock, which judges the challenge, may differ from PostgreSQL's.
    private const string Take =
        "INSERT INTO used_challenges (nonce, expires_at) VALUES (@nonce, now() + interval '15 minutes') ON CONFLICT DO NOTHING";

    // An authenticator that does not count always says 0 (WebAuthn §6.1.1).
    private const string Move =
        """
        UPDATE passkeys SET sign_count = @count, is_backed_up = @backed_up, last_used_at = now()
        WHERE id = @passkey AND (sign_count < @count OR sign_count = 0 AND @count = 0)
        """;

    /// <returns>Whether this use of the challenge is the first.</returns>
    public async Task<bool> TakeChallengeAsync(PasskeyChallenge challenge, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlRawAsync(Take, [new NpgsqlParameter("nonce", challenge.Nonce)], cancellationToken) == 1;

    /// <returns>Whether the authenticator's count rose. If not, somebody may have copied the key: the caller rolls back.</returns>
    public async Task<bool> MoveCounterAsync(ProvedPasskey proved, HttpContext context, CancellationToken cancellationToken)
    {
        var moved = await db.Database.ExecuteSqlRawAsync(
            Move,
            [
                new NpgsqlParameter("passkey", proved.PasskeyId), new NpgsqlParameter("count", proved.SignCount),
                new NpgsqlParameter("backed_up", proved.IsBackedUp),
            ],
            cancellationToken);
        if (moved == 0)
        {
            events.Write(
                SecurityEvent.PasskeyCounterRegressed(proved.Account.Id, proved.PasskeyId, $"count {proved.SignCount}"), context);
            return false;
        }

        await ProveTotp.UnblockAsync(db, proved.Account.Id, cancellationToken); // its owner is here
        return true;
    }
}
