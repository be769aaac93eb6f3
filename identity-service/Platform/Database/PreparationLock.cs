using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>
/// Lets one replica at a time prepare the database. Entity Framework's own lock comes too late: it is taken for each migration, after the
/// creation of the history table, which two replicas on an empty database would both attempt.
/// </summary>
internal sealed class PreparationLock(Primary database, TimeProvider clock)
{
    private const long Key = 0x61757468_6d657368; // "authmesh"

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Waits for the lock. Disposing the result, or losing the connection, releases it.</summary>
    public async Task<IAsyncDisposable> TakeAsync(CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            // Asked again and again: a statement that waits would never notice that the server's machine has lost its power.
            await using var command = new NpgsqlCommand("SELECT pg_try_advisory_lock($1)", connection);
            command.Parameters.AddWithValue(Key);
            while (await command.ExecuteScalarAsync(cancellationToken) is not true)
            {
                await Task.Delay(Pause, clock, cancellationToken);
            }

            return new Turn(database, connection);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private sealed class Turn(Primary database, NpgsqlConnection connection) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            // The pool resets nothing, so a returned connection would keep the lock.
            await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock($1)", connection);
            command.Parameters.AddWithValue(Key);
            try
            {
                await command.ExecuteNonQueryAsync();
            }
            catch (Exception exception) when (exception is NpgsqlException or InvalidOperationException) // lost just now, or earlier
            {
                database.Clear(); // closes the connection on return even if it is still alive, which releases the lock
            }

            await connection.DisposeAsync();
        }
    }
}
