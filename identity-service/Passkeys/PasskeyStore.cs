using System.Runtime.ExceptionServices;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Passkeys;

/// <summary>
/// What the framework's <see cref="PasskeyHandler{TUser}"/> reads of the accounts, without the rest of ASP.NET Core Identity. It writes
/// nothing: the statements of this folder do.
/// </summary>
internal sealed class PasskeyStore(IdentityDb db, CancellationToken cancellationToken) : IUserPasskeyStore<PasskeyAccount>
{
    private ExceptionDispatchInfo? fault;

    public PasskeyHandler<PasskeyAccount> NewHandler(IOptions<IdentityPasskeyOptions> options) => new(
        new UserManager<PasskeyAccount>(
            this, null!, null!, null!, null!, null!, null!, null!, NullLogger<UserManager<PasskeyAccount>>.Instance),
        options);

    /// <summary>Throws the exception that the handler reported as a bad passkey: the database failed, and not the caller.</summary>
    public void ThrowFault() => fault?.Throw();

    public Task<string> GetUserIdAsync(PasskeyAccount user, CancellationToken _) => Task.FromResult(user.Handle);

    /// <param name="userId">The user handle, which the authenticator sent.</param>
    /// <param name="_">None: the handler passes no token.</param>
    public async Task<PasskeyAccount?> FindByIdAsync(string userId, CancellationToken _)
    {
        if (!CanonicalBase64Url.TryDecode(userId, stackalloc byte[PasskeyAccount.HandleBytes]))
        {
            return null; // the text may be one that PostgreSQL cannot read
        }

        try
        {
            return await PasskeyAccount.FindAsync(db, user => user.PasskeyHandle == userId, cancellationToken);
        }
        catch (Exception exception)
        {
            fault = ExceptionDispatchInfo.Capture(exception);
            throw;
        }
    }

    public Task<IList<UserPasskeyInfo>> GetPasskeysAsync(PasskeyAccount user, CancellationToken _) =>
        Task.FromResult<IList<UserPasskeyInfo>>([.. user.Passkeys.Select(Describe)]);

    public Task<UserPasskeyInfo?> FindPasskeyAsync(PasskeyAccount user, byte[] credentialId, CancellationToken _) => Task.FromResult(
        user.Passkeys.FirstOrDefault(passkey => passkey.CredentialId.AsSpan().SequenceEqual(credentialId)) is { } found
            ? Describe(found) : null);

    /// <summary>Finds nobody: the unique index decides whether a credential is new.</summary>
    public Task<PasskeyAccount?> FindByPasskeyIdAsync(byte[] credentialId, CancellationToken _) =>
        Task.FromResult<PasskeyAccount?>(null);

    public Task AddOrUpdatePasskeyAsync(PasskeyAccount user, UserPasskeyInfo passkey, CancellationToken _) =>
        throw new NotSupportedException();

    public Task RemovePasskeyAsync(PasskeyAccount user, byte[] credentialId, CancellationToken _) => throw new NotSupportedException();

    public Task<PasskeyAccount?> FindByNameAsync(string normalizedUserName, CancellationToken _) => throw new NotSupportedException();

    public Task<string?> GetUserNameAsync(PasskeyAccount user, CancellationToken _) => throw new NotSupportedException();

    public Task SetUserNameAsync(PasskeyAccount user, string? userName, CancellationToken _) => throw new NotSupportedException();

    public Task<string?> GetNormalizedUserNameAsync(PasskeyAccount user, CancellationToken _) => throw new NotSupportedException();

    public Task SetNormalizedUserNameAsync(PasskeyAccount user, string? normalizedName, CancellationToken _) =>
        throw new NotSupportedException();

    public Task<IdentityResult> CreateAsync(PasskeyAccount user, CancellationToken _) => throw new NotSupportedException();

    public Task<IdentityResult> UpdateAsync(PasskeyAccount user, CancellationToken _) => throw new NotSupportedException();

    public Task<IdentityResult> DeleteAsync(PasskeyAccount user, CancellationToken _) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    // The count is 0, so that the handler accepts any count: the statement that moves the stored count decides, and can tell why.
    private static UserPasskeyInfo Describe(Passkey passkey) => new(
        passkey.CredentialId, passkey.PublicKey, passkey.CreatedAt, signCount: 0, passkey.Transports, isUserVerified: true,
        passkey.IsBackupEligible, passkey.IsBackedUp, attestationObject: [], clientDataJson: []);
}
