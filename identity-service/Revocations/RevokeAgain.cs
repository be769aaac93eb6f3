using Npgsql;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// A restore from an older copy brings back sessions that ended after the copy was made. What this replica still remembers of that is
/// done again: the sessions end, the epochs rise, and verifiers that start later hear of it.
/// </summary>
internal static class RevokeAgain
{
    public static async Task RunAsync(NpgsqlConnection connection, IReadOnlyList<Revocation> lost, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        foreach (var entry in lost)
        {
            // 1. The rows, where they are still there; their triggers write the log.
            switch (entry.Kind)
            {
                case RevocationKind.SessionEnded:
                    batch.BatchCommands.Add(Command(
                        "UPDATE sessions SET ended_at = now() WHERE id = $1 AND ended_at IS NULL", Guid.Parse(entry.Subject)));
                    break;
                case RevocationKind.UserBelowEpoch:
                    batch.BatchCommands.Add(Command(
                        "UPDATE users SET epoch = $2 WHERE id = $1 AND epoch < $2", Guid.Parse(entry.Subject), entry.Epoch!.Value));
                    break;
                case RevocationKind.KeysChanged:
                    continue;
            }

            // 2. The entry, for tokens of rows that the copy never had.
            batch.BatchCommands.Add(Command(
                "SELECT write_revocation($1, $2, $3)", entry.Kind, entry.Subject, entry.Epoch is { } epoch ? epoch : DBNull.Value));
        }

        if (batch.BatchCommands.Count > 0)
        {
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    private static NpgsqlBatchCommand Command(string sql, params object[] values)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var value in values)
        {
            command.Parameters.AddWithValue(value);
        }

        return command;
    }
}
