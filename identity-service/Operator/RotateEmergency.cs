using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Revocations;
using AuthMesh.Revocations;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Operator;

/// <summary>
/// A signing key is in wrong hands: no verifier trusts any signing key from before. All of them, for whoever got one had its process or
/// its database, where all are.
/// </summary>
internal static class RotateEmergency
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    // Verifiers that are well need a fraction of a second. Those that are not, nobody could tell in any time.
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(10);

    public static async Task<string> RunAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<IdentityDb>();
        var (removed, current, announced) = await ReplaceAsync(db, services.GetRequiredService<MasterKey>(), cancellationToken);
        var events = services.GetRequiredService<SecurityEvents>();
        foreach (var key in removed)
        {
            events.Write(SecurityEvent.SigningKeyDistrusted(key), context: null);
        }

        Console.WriteLine(
            $"""
            Distrusted everywhere and removed: {string.Join(", ", removed)}.
            {current} signs now; {announced} is announced as the next.
            Every access token from before is refused. Refresh tokens, cookies and passwords keep working: clients get new tokens by
            themselves.
            """);

        var silent = await AwaitVerifiersAsync(db, current, services.GetRequiredService<TimeProvider>(), cancellationToken);
        return silent.Count == 0
            ? "Every verifier that listens has heard of it."
            : "These verifiers have not said yet that they have heard of it; see that they are well, or stop them: "
            + string.Join("; ", silent);
    }

    private static async Task<(List<string> Removed, string Current, string Announced)> ReplaceAsync(
        IdentityDb db, MasterKey masterKey, CancellationToken cancellationToken)
    {
        await using var change = await RingChange.BeginAsync(db, cancellationToken);
        var removed = await db.RingKeys.Where(key => key.Purpose == RingKeyPurpose.Signing).ToListAsync(cancellationToken);

        // 1. The distrust comes before the news of the new keys, which the trigger keys_changed writes at the commit: verifiers hear
        //    both at once, and none is sent for keys while it still believes in the old ones.
        foreach (var key in removed)
        {
            await db.Database.ExecuteSqlAsync(
                $"SELECT write_revocation({RevocationKind.KeyDistrusted}, {key.Id}, NULL)", cancellationToken);
        }

        // 2. First they go: two keys that sign are never stored, not even for a moment.
        db.RingKeys.RemoveRange(removed);
        await db.SaveChangesAsync(cancellationToken);

        var current = RingKey.CreateSigningPair(masterKey, RingKeyState.Current, change.Now);
        var announced = RingKey.CreateSigningPair(masterKey, RingKeyState.Announced, change.Now);
        db.RingKeys.AddRange(current, announced);
        await db.SaveChangesAsync(cancellationToken);
        await change.CommitAsync(cancellationToken);
        return ([.. removed.Select(key => key.Id)], current.Id, announced.Id);
    }

    private static async Task<IReadOnlyList<string>> AwaitVerifiersAsync(
        IdentityDb db, string keyId, TimeProvider clock, CancellationToken cancellationToken)
    {
        var start = clock.GetTimestamp();
        while (true)
        {
            var silent = await VerifierRegister.FindSilentAsync(
                db, keyId, await DatabaseClock.ReadAsync(db, cancellationToken), cancellationToken);
            if (silent.Count == 0 || clock.GetElapsedTime(start) > LongestLook)
            {
                return silent;
            }

            await Task.Delay(Interval, clock, cancellationToken);
        }
    }
}
