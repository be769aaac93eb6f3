using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Revocations;
using AuthMesh.Revocations;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Operator;

/// <summary>
/// Replaces every signing key after a leak, and no verifier trusts the old ones. All are replaced because a thief who got one had access
/// to the process or the database, which hold them all.
/// </summary>
internal static class RotateEmergency
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    // Healthy verifiers need a fraction of a second. Waiting longer would not reach the others.
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
            {current} signs now; {announced} is announced as its successor.
            Verifiers refuse all earlier access tokens. Refresh tokens, cookies and passwords keep working: clients get new tokens by
            themselves.
            """);

        var silent = await AwaitVerifiersAsync(db, current, services.GetRequiredService<TimeProvider>(), cancellationToken);
        return silent.Count == 0
            ? "Every connected verifier has acknowledged the new key."
            : "These verifiers have not acknowledged the new key yet; repair or stop them: "
            + string.Join("; ", silent);
    }

    private static async Task<(List<string> Removed, string Current, string Announced)> ReplaceAsync(
        IdentityDb db, MasterKey masterKey, CancellationToken cancellationToken)
    {
        await using var change = await RingChange.BeginAsync(db, cancellationToken);
        var removed = await db.RingKeys.Where(key => key.Purpose == RingKeyPurpose.Signing).ToListAsync(cancellationToken);

        // 1. Write the distrust first. The trigger keys_changed announces the new keys at the commit, so verifiers receive both together
        //    and none fetches keys while it still trusts the old ones.
        foreach (var key in removed)
        {
            await db.Database.ExecuteSqlAsync(
                $"SELECT write_revocation({RevocationKind.KeyDistrusted}, {key.Id}, NULL)", cancellationToken);
        }

        // 2. Delete the old keys first: a unique index allows only one current key, even within the transaction.
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
