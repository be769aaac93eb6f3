using AuthMesh.Identity.Platform.Database;
using AuthMesh.Revocations;
using Npgsql;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// A restore from an older backup brings back sessions that ended after the backup. This replica repeats the revocations that it still
/// remembers: it ends the sessions, raises the epochs and writes the log entries again for verifiers that start later.
/// </summary>
internal static class RevokeAgain
{
    public static async Task RunAsync(NpgsqlConnection connection, IReadOnlyList<Revocation> lost, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        var entries = lost.Where(entry => entry.Kind != RevocationKind.KeysChanged).ToList();

        // 1. Change the rows that still exist. The triggers session_ended, user_epoch_raised and
        //    application_epoch_raised write the log.
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
                case RevocationKind.ApplicationBelowEpoch:
                    // The sequence went back, too. It must stay ahead of every epoch that verifiers have heard of.
                    Add(
                        "SELECT setval('application_epochs', greatest((SELECT last_value FROM application_epochs), $1))",
                        (long)entry.Epoch!.Value);
                    Add("UPDATE applications SET epoch = $2 WHERE client_id = $1 AND epoch < $2", entry.Subject, entry.Epoch!.Value);
                    break;
            }
        }

        // 2. Write the entries too, for tokens whose rows the backup never had. This follows all rows: every transaction takes the log's
        //    lock last.
        foreach (var entry in entries)
        {
            Add("SELECT write_revocation($1, $2, $3::integer)", entry.Kind, entry.Subject, entry.Epoch is { } epoch ? epoch : DBNull.Value);
        }

        if (entries.Count > 0)
        {
            await batch.ExecuteNonQueryAsync(cancellationToken);
            UnconfirmedCommit.ThrowIfAny(connection);
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
