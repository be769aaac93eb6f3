using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>Checks a code of an authenticator app. Each counts as a wrong one before it is checked, and a right one starts over.</summary>
internal sealed partial class ProveTotp(IdentityDb db, Primary database, KeyRing ring, ILogger<ProveTotp> logger)
{
    /// <summary>
    /// Wrong codes since the last right one after which the app's codes are refused. Fifty guesses find one of three valid codes in a
    /// million with a chance of 1 in 6,667.
    /// </summary>
    public const int MostWrongCodes = 50;

    private static readonly string Count =
        $"""
        UPDATE totp_secrets SET wrong_codes = wrong_codes + 1
        WHERE user_id = @user AND confirmed_at IS NOT NULL AND wrong_codes < {MostWrongCodes}
        RETURNING id, key_id, sealed, wrong_codes, {ProvedMethods.Now}
        """;

    // A step is used once (RFC 6238 §5.2): of several callers with one code, one raises last_step.
    private const string Accept = "UPDATE totp_secrets SET last_step = @step, wrong_codes = 0 WHERE id = @id AND last_step < @step";

    private const string FindBlocked =
        "SELECT EXISTS (SELECT FROM totp_secrets WHERE user_id = @user AND confirmed_at IS NOT NULL) AS \"Value\"";

    public async Task<CodeVerdict> RunAsync(Guid userId, string code, CancellationToken cancellationToken)
    {
        await using var command = database.CreateCommand(Count);
        command.Parameters.AddWithValue("user", userId);
        var counted = await command.ReadCommittedRowAsync(
            row => new Counted(
                row.GetGuid(0), new SealedSecret(row.GetString(1), row.GetFieldValue<byte[]>(2)), row.GetInt32(3), row.GetInt64(4)),
            cancellationToken);
        if (counted is null)
        {
            var isBlocked = await db.Database.SqlQueryRaw<bool>(FindBlocked, new NpgsqlParameter("user", userId))
                .SingleAsync(cancellationToken);
            return new CodeVerdict(IsRight: false, isBlocked);
        }

        if (counted.Secret.TryOpen(TotpSecret.Context(userId), ring) is not { } secret)
        {
            LogUnusable(userId, counted.Secret.KeyId);
            return new CodeVerdict(IsRight: false, WrongCodes: counted.WrongCodes);
        }

        var isRight = Totp.FindStep(secret, code, counted.Seconds / Totp.StepSeconds) is { } step
            && await db.Database.ExecuteSqlRawAsync(
                Accept, [new NpgsqlParameter("id", counted.Id), new NpgsqlParameter("step", step)], cancellationToken) == 1;
        return new CodeVerdict(isRight, WrongCodes: isRight ? 0 : counted.WrongCodes);
    }

    /// <summary>Accepts an app's codes again, after its owner proved something else.</summary>
    public static Task UnblockAsync(IdentityDb db, Guid userId, CancellationToken cancellationToken) => db.Database.ExecuteSqlAsync(
        $"UPDATE totp_secrets SET wrong_codes = 0 WHERE user_id = {userId} AND wrong_codes > 0", cancellationToken);

    [LoggerMessage(LogLevel.Error, "The authenticator secret of user {UserId} does not open with key {KeyId} of the ring")]
    private partial void LogUnusable(Guid userId, string keyId);

    private sealed record Counted(Guid Id, SealedSecret Secret, int WrongCodes, long Seconds);
}

/// <param name="IsRight">Whether the code was right, and this call used it.</param>
/// <param name="IsBlocked">Whether it was not checked, because too many wrong ones came before.</param>
/// <param name="WrongCodes">The account's wrong codes since the last right one, with this one.</param>
internal sealed record CodeVerdict(bool IsRight, bool IsBlocked = false, int WrongCodes = 0);
