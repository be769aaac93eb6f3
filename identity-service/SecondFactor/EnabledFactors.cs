using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>What an account can present after its password.</summary>
/// <param name="Totp">Whether an authenticator app is in use.</param>
/// <param name="IsTotpBlocked">Whether too many wrong codes came, so that its codes are refused.</param>
/// <param name="RecoveryCodes">The recovery codes that are left.</param>
/// <param name="Passkeys">The number of passkeys.</param>
internal sealed record EnabledFactors(bool Totp, bool IsTotpBlocked, int RecoveryCodes, int Passkeys)
{
    // Passkeys by SQL: their folder stands above this one.
    private const string Find =
        """
        SELECT EXISTS (SELECT FROM totp_secrets t WHERE t.user_id = @user AND t.confirmed_at IS NOT NULL) AS "Totp",
            EXISTS (SELECT FROM totp_secrets t
                WHERE t.user_id = @user AND t.confirmed_at IS NOT NULL AND t.wrong_codes >= @most) AS "IsTotpBlocked",
            (SELECT count(*)::int FROM recovery_codes WHERE user_id = @user) AS "RecoveryCodes",
            (SELECT count(*)::int FROM passkeys WHERE user_id = @user) AS "Passkeys"
        """;

    /// <summary>The names in the answer <c>second_factor_required</c>.</summary>
    public IEnumerable<string> Methods
    {
        get
        {
            if (Totp && !IsTotpBlocked)
            {
                yield return "totp";
            }

            if (RecoveryCodes > 0)
            {
                yield return "recovery_code";
            }

            if (Passkeys > 0)
            {
                yield return "passkey";
            }
        }
    }

    public static Task<EnabledFactors> FindAsync(IdentityDb db, Guid userId, CancellationToken cancellationToken) =>
        db.Database.SqlQueryRaw<EnabledFactors>(
            Find, new Npgsql.NpgsqlParameter("user", userId), new Npgsql.NpgsqlParameter("most", ProveTotp.MostWrongCodes))
            .SingleAsync(cancellationToken);
}
