using System.Collections.Concurrent;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Keys;

/// <summary>Records which processes currently check tokens, and which signing keys each of them holds.</summary>
internal sealed class VerifierRegister(Primary database, IHostEnvironment environment)
{
    // A connected verifier is recorded at least every 5 s. An unrecorded one has left, or will fetch the keys first when it reconnects.
    private static readonly TimeSpan Seen = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<Guid, int> connected = new();
    private readonly Guid self = Guid.NewGuid();

    /// <summary>The verifiers connected to this replica's feed, and this replica itself.</summary>
    public Guid[] Connected => [self, .. connected.Keys];

    /// <summary>Registers a verifier that connects. From then on, a new key waits until this verifier holds it.</summary>
    public async Task<IDisposable> EnterAsync(Guid instance, string name, CancellationToken cancellationToken)
    {
        await using (var connection = await database.OpenConnectionAsync(cancellationToken))
        {
            await WriteAsync(connection, instance, name, [], keepsKeys: true, cancellationToken);
            await ForgetAsync(connection, cancellationToken);
        }

        connected.AddOrUpdate(instance, 1, (_, count) => count + 1);
        return new Leaving(this, instance);
    }

    /// <summary>Finds the connected verifiers that have not acknowledged the key.</summary>
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
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await WriteAsync(connection, instance, name, keyIds, keepsKeys: false, cancellationToken);
    }

    public Task RegisterSelfAsync(
        NpgsqlConnection connection, IReadOnlyList<string> keyIds, CancellationToken cancellationToken) => WriteAsync(
        connection, self, $"{environment.ApplicationName} on {Environment.MachineName}, process {Environment.ProcessId}", keyIds,
        keepsKeys: false,
        cancellationToken);

    // Each process start inserts a row, so each registration deletes the rows of verifiers that left.
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
        UnconfirmedCommit.ThrowIfAny(connection);
    }

    private void Leave(Guid instance)
    {
        // A verifier may briefly be connected twice, if its old connection broke unnoticed.
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
