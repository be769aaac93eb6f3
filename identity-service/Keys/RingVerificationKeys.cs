using AuthMesh.Identity.Platform.Database;
using AuthMesh.Keys;
using AuthMesh.Revocations;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// The keys with which the identity service itself checks tokens. It looks in its opened ring first. For an unknown key it reloads the
/// stored ring, which another replica may just have changed.
/// </summary>
internal sealed class RingVerificationKeys(KeyRing ring, RevokedAccess revoked, IServiceScopeFactory scopes, TimeProvider clock)
    : IVerificationKeys
{
    // The same pause as in every other service: a flood of forged key ids costs the database one query per pause.
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private Task<bool>? look;
    private long lastLookAt;

    public bool IsReady => ring.CanSign;

    public ECDsaSecurityKey? Find(string keyId) => ring.FindSigningKey(keyId);

    public async ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (Find(keyId) is { } known)
        {
            return new KeyLookup(known);
        }

        var isReachable = await LookUnlessRecent().WaitAsync(cancellationToken);
        var mayLackKeys = !revoked.IsAwaited; // read before the second Find, so that "unknown" is never said about a key not yet loaded
        return new KeyLookup(Find(keyId), IsUnavailable: !isReachable || mayLackKeys || ring.IsSealed(keyId));
    }

    private Task<bool> LookUnlessRecent()
    {
        lock (gate)
        {
            if (look is null || clock.GetElapsedTime(lastLookAt) >= UnknownKeyPause)
            {
                lastLookAt = clock.GetTimestamp();
                look = LookAsync();
            }

            return look;
        }
    }

    private async Task<bool> LookAsync()
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            await ring.ReloadAsync(scope.ServiceProvider.GetRequiredService<IdentityDb>(), CancellationToken.None); // all callers share it
            return true;
        }
        catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is not null)
        {
            return false;
        }
    }
}
