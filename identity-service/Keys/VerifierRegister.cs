using System.Collections.Concurrent;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Keys;

/// <summary>Which processes check tokens at the moment, and which signing keys each of them holds.</summary>
internal sealed class VerifierRegister(NpgsqlDataSource dataSource, IHostEnvironment environment)
{
    // One that listens is seen every 5 s. One that is not seen has left, or is about to come back and to ask for the keys first.
    private static readonly TimeSpan Seen = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Guid, int> connected = new();
    private readonly Guid self = Guid.NewGuid();

    /// <summary>Those that listen to this replica, and this replica itself.</summary>
    public Guid[] Connected => [self, .. connected.Keys];

    /// <summary>Enters a verifier that begins to listen; from now on no key signs that it does not hold.</summary>
    public async Task<IDisposable> EnterAsync(Guid instance, string name, CancellationToken cancellationToken)
    {
        await using (var connection = await dataSource.OpenConnectionAsync(cancellationToken))
        {
            await WriteAsync(connection, instance, name, [], keepsKeys: true, cancellationToken);
            await ForgetAsync(connection, cancellationToken);
        }

        connected.AddOrUpdate(instance, 1, (_, count) => count + 1);
        return new Leaving(this, instance);
    }

    /// <summary>The verifiers that are there and have not said that they hold the key.</summary>
    /// <returns>Their names.</returns>
    public static async Task<IReadOnlyList<string>> FindSilentAsync(
        IdentityDb db, string keyId, DateTimeOffset databaseTime, CancellationToken cancellationToken)
    {
        var since = databaseTime - Seen;
        return await db.Verifiers
            .Where(verifier => verifier.SeenAt > since && !verifier.KeyIds.Contains(keyId))
            .OrderBy(verifier => verifier.Name)
            .Select(verifier => verifier.Name)
            .ToListAsync(cancellationToken);
    }

    public async Task RecordAsync(Guid instance, string name, IReadOnlyList<string> keyIds, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await WriteAsync(connection, instance, name, keyIds, keepsKeys: false, cancellationToken);
    }

    public Task RegisterSelfAsync(
        NpgsqlConnection connection, IReadOnlyList<string> keyIds, CancellationToken cancellationToken) => WriteAsync(
        connection, self, $"{environment.ApplicationName} on {Environment.MachineName}, process {Environment.ProcessId}", keyIds,
        keepsKeys: false,
        cancellationToken);

    // Each start of each process makes a row; whoever comes clears away those of the gone.
    private static async Task ForgetAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("DELETE FROM verifiers WHERE seen_at < now() - interval '1 minute'", connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private static async Task WriteAsync(
        NpgsqlConnection connection, Guid instance, string name, IReadOnlyList<string> keyIds, bool keepsKeys,
        CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            INSERT INTO verifiers (instance, name, key_ids, seen_at) VALUES ($1, $2, $3, now())
            ON CONFLICT (instance) DO UPDATE SET key_ids = CASE WHEN $4 THEN verifiers.key_ids ELSE $3 END, seen_at = now()
            """,
            connection);
        command.Parameters.AddWithValue(instance);
        command.Parameters.AddWithValue(name);
        command.Parameters.AddWithValue(NpgsqlDbType.Array | NpgsqlDbType.Text, keyIds.ToArray());
        command.Parameters.AddWithValue(keepsKeys);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    private void Leave(Guid instance)
    {
        // It may listen twice for a moment, after a connection that broke unnoticed.
        if (connected.AddOrUpdate(instance, 0, (_, count) => count - 1) <= 0)
        {
            connected.TryRemove(KeyValuePair.Create(instance, 0));
        }
    }

    private sealed class Leaving(VerifierRegister register, Guid instance) : IDisposable
    {
        public void Dispose() => register.Leave(instance);
    }
}
