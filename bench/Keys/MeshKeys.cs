using AuthMesh.Identity;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthMesh.Bench.Keys;

/// <summary>The key ring of a running mesh, for benchmarks that mint its tokens.</summary>
internal static class MeshKeys
{
    /// <param name="connectionString">The database of a ready mesh.</param>
    /// <param name="masterKey">The master key of the mesh.</param>
    /// <param name="cancellation">Cancels the query.</param>
    public static async Task<KeyRing> OpenAsync(string connectionString, byte[] masterKey, CancellationToken cancellation)
    {
        var ring = new KeyRing(new MasterKey(masterKey), TimeProvider.System, NullLogger<KeyRing>.Instance);
        var options = new DbContextOptionsBuilder<IdentityDb>().UseNpgsql(connectionString).Options;
        await using var db = new IdentityDb(options, Modules.Entities);
        await ring.OpenAsync(db, cancellation);
        return ring;
    }
}
