using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.SignIn;

/// <summary>
/// The sign-ins between their first and their second factor. Every statement that acts for one demands that it is open: not expired, fewer
/// than five codes tried, and the account as it was when the password was checked.
/// </summary>
internal sealed class PendingSignIns(IdentityDb db, Primary database, CallerAddress callerAddress)
{
    /// <summary>How long the second factor may take. The session's <c>acr</c> relies on it: see <see cref="ProvedMethods"/>.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>One answer for a login token that is expired, used or invented.</summary>
    public static readonly Failure InvalidToken = new(
        StatusCodes.Status400BadRequest, "invalid_or_expired_token", "Invalid or expired token. Begin again");

    // The row's own account decides, not the caller's word: a disabled or changed account has no open sign-ins.
    private const string IsOpen =
        """
        p.token_hash = @token AND p.expires_at > now() AND u.id = p.user_id AND u.epoch = p.epoch AND u.factors_epoch = p.factors_epoch
            AND u.disabled_at IS NULL
        """;

    private const int MostTries = 5;

    // Expired rows of the same user go first, so that sign-ins without an end fill no table between two cleanups.
    private const string Begin =
        """
        WITH expired AS (DELETE FROM pending_sign_ins WHERE user_id = @user AND expires_at <= now())
        INSERT INTO pending_sign_ins (
            token_hash, user_id, epoch, factors_epoch, device_nonce, network, wrong_codes, created_at, expires_at)
        VALUES (@token, @user, @epoch, @factors_epoch, @device, @network, 0, now(), now() + @lifetime)
        """;

    private static readonly string FindOpen =
        $"SELECT p.* FROM pending_sign_ins p, users u WHERE {IsOpen} AND p.wrong_codes < {MostTries}";

    private static readonly string CountTry =
        $"""
        UPDATE pending_sign_ins p SET wrong_codes = p.wrong_codes + 1 FROM users u WHERE {IsOpen} AND p.wrong_codes < {MostTries}
        RETURNING p.wrong_codes
        """;

    private const string Consume = $"DELETE FROM pending_sign_ins p USING users u WHERE {IsOpen}";

    /// <summary>Begins a sign-in after the right password.</summary>
    public async Task<LoginToken> BeginAsync(SignInTicket ticket, HttpContext context, CancellationToken cancellationToken)
    {
        var token = LoginToken.Create();
        await db.Database.ExecuteSqlRawAsync(
            Begin,
            [
                Token(token.Hash), new NpgsqlParameter("user", ticket.User.Id), new NpgsqlParameter("epoch", ticket.User.Epoch),
                new NpgsqlParameter("factors_epoch", ticket.User.FactorsEpoch), Bytes("device", ticket.KnownDevice?.Nonce),
                new NpgsqlParameter("network", callerAddress.NetworkOf(context)), new NpgsqlParameter("lifetime", Lifetime),
            ],
            cancellationToken);
        return token;
    }

    /// <returns>The sign-in, or null if it is not open.</returns>
    public async Task<PendingSignIn?> FindAsync(string token, CancellationToken cancellationToken) =>
        LoginToken.TryParse(token) is { } parsed
        && await db.PendingSignIns.FromSqlRaw(FindOpen, Token(parsed.Hash)).AsNoTracking().ToListAsync(cancellationToken) is [var pending]
            ? pending : null;

    /// <summary>Counts a code before it is checked. The fifth ends the sign-in, unless it is right and consumes it.</summary>
    /// <returns>The number of codes tried, or null if the sign-in is no longer open.</returns>
    public async Task<int?> CountTryAsync(PendingSignIn pending, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(CountTry);
        command.Parameters.Add(Token(pending.TokenHash));
        return (await command.ReadCommittedRowAsync(row => new Tries(row.GetInt32(0)), cancellationToken))?.Count;
    }

    /// <summary>Uses the login token up. Of several callers with the same token, one gets true.</summary>
    public async Task<bool> ConsumeAsync(PendingSignIn pending, CancellationToken cancellationToken) =>
        await db.Database.ExecuteSqlRawAsync(Consume, [Token(pending.TokenHash)], cancellationToken) == 1;

    private static NpgsqlParameter Token(byte[] hash) => new("token", hash);

    private static NpgsqlParameter Bytes(string name, byte[]? value) =>
        new(name, NpgsqlDbType.Bytea) { Value = (object?)value ?? DBNull.Value };

    private sealed record Tries(int Count);
}
