using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>Makes an account's recovery codes, and uses them up one by one.</summary>
internal sealed class RecoveryCodes(IdentityDb db, KeyRing ring, Outbox outbox, SecurityEvents events)
{
    public const int Count = 10;

    private const int Characters = 10; // 50 bits: far more than 5 guesses in 15 minutes find

    // Of several callers with one code, one deletes it.
    private const string Use = "DELETE FROM recovery_codes WHERE user_id = @user AND code_hash = ANY (@hashes)";

    private const string Insert =
        "INSERT INTO recovery_codes (user_id, code_hash, key_id) SELECT @user, hash, @key FROM unnest(@hashes) hash";

    /// <summary>Replaces all codes of an account. The caller's transaction has locked the user's row.</summary>
    /// <returns>The codes as people read them. They are shown once.</returns>
    public async Task<IReadOnlyList<string>> ReplaceAsync(Guid userId, CancellationToken cancellationToken)
    {
        var codes = Enumerable.Range(0, Count).Select(_ => Base32.Random(Characters).ToLowerInvariant()).ToList();
        var (keyId, _) = ring.CurrentMacKey;
        await RemoveAsync(db, userId, cancellationToken);
        await db.Database.ExecuteSqlRawAsync(
            Insert,
            [
                new NpgsqlParameter("user", userId), new NpgsqlParameter("key", keyId),
                new NpgsqlParameter("hashes", codes.Select(code => Hash(userId, code, keyId)!).ToArray()),
            ],
            cancellationToken);
        return [.. codes.Select(code => $"{code[..5]}-{code[5..]}")];
    }

    public static Task RemoveAsync(IdentityDb db, Guid userId, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlAsync($"DELETE FROM recovery_codes WHERE user_id = {userId}", cancellationToken);

    /// <summary>Uses a code up, and tells its owner. The app's codes are accepted again.</summary>
    /// <returns>Whether it was a code of this account.</returns>
    public async Task<bool> UseAsync(Guid userId, string typed, HttpContext context, CancellationToken cancellationToken)
    {
        var code = Normalize(typed);
        var keyIds = await db.RecoveryCodes.Where(row => row.UserId == userId).Select(row => row.KeyId).Distinct()
            .ToListAsync(cancellationToken);
        var hashes = keyIds.Select(keyId => Hash(userId, code, keyId)).OfType<byte[]>().ToArray();

        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        // By the lock order, a user's row comes first: an admin may be removing the second factor.
        await db.Database.ExecuteSqlAsync($"SELECT FROM users WHERE id = {userId} FOR NO KEY UPDATE", cancellationToken);
        var used = await db.Database.ExecuteSqlRawAsync(
            Use, [new NpgsqlParameter("user", userId), new NpgsqlParameter("hashes", hashes)], cancellationToken);
        if (used == 0)
        {
            return false;
        }

        await ProveTotp.UnblockAsync(db, userId, cancellationToken);
        var remaining = await db.RecoveryCodes.CountAsync(row => row.UserId == userId, cancellationToken);
        await outbox.NotifyAsync(
            userId, MailKind.RecoveryCodeUsed,
            new Dictionary<string, string> { ["remaining"] = remaining.ToString(CultureInfo.InvariantCulture) }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.RecoveryCodeUsed(userId), context);
        return true;
    }

    // People type capitals, and leave out or add spaces and hyphens.
    private static string Normalize(string typed) =>
        string.Concat(typed.Where(c => c is not (' ' or '-')).Select(char.ToLowerInvariant));

    private byte[]? Hash(Guid userId, string code, string keyId) => ring.FindMacKey(keyId) is { } key
        ? HMACSHA256.HashData(
            MacToken.DeriveKey(key, "authmesh recovery codes 1"),
            (byte[])[.. userId.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(code)])
        : null;
}
