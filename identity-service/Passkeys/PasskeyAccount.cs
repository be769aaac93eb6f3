using System.Linq.Expressions;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Passkeys;

/// <summary>An account with its passkeys, as one statement found it.</summary>
/// <param name="Handle">The account's id towards authenticators: see <see cref="User.PasskeyHandle"/>.</param>
internal sealed record PasskeyAccount(
    Guid Id, string Username, int Epoch, int FactorsEpoch, bool IsDisabled, string Handle, IReadOnlyList<Passkey> Passkeys)
{
    public const int HandleBytes = 48; // 64 characters in base64url, the maximum of WebAuthn §5.4.3

    /// <returns>The account; null if it does not exist, or never asked for a passkey.</returns>
    public static Task<PasskeyAccount?> FindAsync(
        IdentityDb db, Expression<Func<User, bool>> condition, CancellationToken cancellationToken)
    {
        var passkeys = db.Set<Passkey>();
        return db.Users.AsNoTracking().Where(condition).Where(user => user.PasskeyHandle != null)
            .Select(user => new PasskeyAccount(
                user.Id, user.Username, user.Epoch, user.FactorsEpoch, user.DisabledAt != null, user.PasskeyHandle!,
                passkeys.Where(passkey => passkey.UserId == user.Id).ToList()))
            .SingleOrDefaultAsync(cancellationToken);
    }
}
