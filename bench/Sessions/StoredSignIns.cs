using Npgsql;

namespace AuthMesh.Bench.Sessions;

/// <summary>Users who are signed in once each, written directly to the tables: a million would take hours to register.</summary>
internal static class StoredSignIns
{
    private const string Create =
        """
        WITH made AS (
            INSERT INTO users (id, username, normalized_username, password_hash, role, epoch, is_demo, created_at)
            SELECT gen_random_uuid(), $2 || '-' || n, $2 || '-' || n, '', 'user', 0, false, now() FROM generate_series(1, $1) n
            RETURNING id)
        INSERT INTO sessions (id, user_id, epoch, created_at, last_used_at, expires_at, device)
        SELECT gen_random_uuid(), id, 0, now(), now(), now() + interval '14 days', '' FROM made
        RETURNING id
        """;

    /// <param name="database">The database of a ready mesh.</param>
    /// <param name="name">What the names of the users begin with, in lower case.</param>
    /// <param name="count">The number of users.</param>
    /// <param name="cancellation">Cancels the creation.</param>
    /// <returns>The ids of their sessions.</returns>
    public static async Task<IReadOnlyList<Guid>> CreateAsync(
        NpgsqlDataSource database, string name, int count, CancellationToken cancellation)
    {
        var sessions = new List<Guid>(count);
        await using (var create = database.CreateCommand(Create))
        {
            create.CommandTimeout = 300; // inserting a million rows exceeds the usual timeout
            create.Parameters.Add(new NpgsqlParameter<int> { TypedValue = count });
            create.Parameters.Add(new NpgsqlParameter<string> { TypedValue = name });
            await using var rows = await create.ExecuteReaderAsync(cancellation);
            while (await rows.ReadAsync(cancellation))
            {
                sessions.Add(rows.GetGuid(0));
            }
        }

        await using var analyze = database.CreateCommand("ANALYZE users, sessions");
        await analyze.ExecuteNonQueryAsync(cancellation);
        return sessions;
    }
}
