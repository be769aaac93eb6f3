using System.CommandLine;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Operator;

/// <summary>
/// Seals every key of the ring again under the current master key, after which no replica needs the previous one. The keys themselves do
/// not change, so nobody is signed out.
/// </summary>
internal static class Reseal
{
    public static OperatorCommand Define() => new("reseal", "Seals every key again under Identity:MasterKey", RunAsync);

    private static async Task<string> RunAsync(IServiceProvider services, ParseResult parsed, CancellationToken cancellationToken)
    {
        var db = services.GetRequiredService<IdentityDb>();
        var masterKey = services.GetRequiredService<MasterKey>();
        await using var change = await RingChange.BeginAsync(db, cancellationToken);
        var keys = await db.RingKeys.ToListAsync(cancellationToken);
        if (keys.Find(key => !key.TryReseal(masterKey)) is { } unopened)
        {
            throw new StartRefusedException($"The key {unopened.Id} does not open. Nothing was changed.");
        }

        await db.SaveChangesAsync(cancellationToken);
        await change.CommitAsync(cancellationToken);
        services.GetRequiredService<SecurityEvents>().Write(SecurityEvent.RingResealed(), context: null);
        return $"Resealed {keys.Count} keys under Identity:MasterKey. No replica needs Identity:PreviousMasterKey any more. "
            + "Earlier backups of the database still need the master key of their time.";
    }
}
