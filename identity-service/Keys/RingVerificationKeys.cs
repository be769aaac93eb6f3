using AuthMesh.Identity.Platform.Database;
using AuthMesh.Keys;
using AuthMesh.Revocations;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// Where the identity service itself takes keys from to check a token: its ring, and for a key that is not in it the stored ring, which
/// another replica may just have changed.
/// </summary>
internal sealed class RingVerificationKeys(KeyRing ring, RevokedAccess revoked, IServiceScopeFactory scopes, TimeProvider clock)
    : IVerificationKeys
{
    // As in every other service: a storm of forged key ids costs the database one query in that time.
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
        var mayLackKeys = !revoked.IsAwaited; // before the second look, which thereby sees all that a "no" is said of
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
            await ring.ReloadAsync(scope.ServiceProvider.GetRequiredService<IdentityDb>(), CancellationToken.None); // for all who wait
            return true;
        }
        catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is not null)
        {
            return false;
        }
    }
}
