using AuthMesh.Revocations;
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
        var entries = lost.Where(entry => entry.Kind != RevocationKind.KeysChanged).ToList();

        // 1. The rows, where they are still there. The triggers session_ended and user_epoch_raised write the log.
        foreach (var entry in entries)
        {
            switch (entry.Kind)
            {
                case RevocationKind.SessionEnded:
                    Add("UPDATE sessions SET ended_at = now() WHERE id = $1 AND ended_at IS NULL", Guid.Parse(entry.Subject));
                    break;
                case RevocationKind.UserBelowEpoch:
                    Add("UPDATE users SET epoch = $2 WHERE id = $1 AND epoch < $2", Guid.Parse(entry.Subject), entry.Epoch!.Value);
                    break;
            }
        }

        // 2. The entries, for tokens whose rows the copy never had. After all rows: the lock of the log is the last that anybody takes.
        foreach (var entry in entries)
        {
            Add("SELECT write_revocation($1, $2, $3::integer)", entry.Kind, entry.Subject, entry.Epoch is { } epoch ? epoch : DBNull.Value);
        }

        if (entries.Count > 0)
        {
            await batch.ExecuteNonQueryAsync(cancellationToken);
        }

        void Add(string sql, params object[] values)
        {
            var command = new NpgsqlBatchCommand(sql);
            foreach (var value in values)
            {
                command.Parameters.AddWithValue(value);
            }

            batch.BatchCommands.Add(command);
        }
    }
}
