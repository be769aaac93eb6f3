using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// One replica at a time. Entity Framework's own lock is taken for each migration, after a history table that two replicas on an
/// empty database both try to create.
/// </summary>
internal sealed class PreparationLock(NpgsqlDataSource dataSource)
{
    private const long Key = 0x61757468_6d657368; // "authmesh"

    /// <summary>Waits for the turn. Disposing of the result, or losing the connection, gives it up.</summary>
    public async Task<IAsyncDisposable> TakeAsync(CancellationToken cancellationToken)
    {
        var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        try
        {
            await using var command = new NpgsqlCommand("SELECT pg_advisory_lock($1)", connection) { CommandTimeout = 0 };
            command.Parameters.AddWithValue(Key);
            await command.ExecuteNonQueryAsync(cancellationToken);
            return new Turn(dataSource, connection);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private sealed class Turn(NpgsqlDataSource dataSource, NpgsqlConnection connection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            // Back in the pool the connection would keep the lock: nothing is reset there.
            await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection);
            command.Parameters.AddWithValue(Key);
            try
            {
                await command.ExecuteNonQueryAsync();
            }
            catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException) // lost just now, or earlier
            {
                dataSource.Clear(); // where the connection lives on after all, it ends when it is given back, and the lock with it
            }

            await connection.DisposeAsync();
        }
    }
}
