using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

internal static class CommittedRow
{
    extension(NpgsqlCommand command)
    {
        /// <summary>Runs a statement that writes and returns at most one row. When it returns, the change is committed.</summary>
        /// <remarks>
        /// PostgreSQL sends the row before it commits, and triggers of the revocation log run at the commit. Entity Framework's queries
        /// stop after the rows, and Npgsql hides a cancellation after that point: the caller would report a change that was rolled back.
        /// </remarks>
        /// <param name="read">Reads the row.</param>
        /// <param name="cancellationToken">Cancels the statement and rolls it back.</param>
        public async Task<T?> ReadCommittedRowAsync<T>(Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
            where T : class
        {
            await using var rows = await command.ExecuteReaderAsync(cancellationToken);
            var row = await rows.ReadAsync(cancellationToken) ? read(rows) : null;
            await rows.NextResultAsync(cancellationToken); // no second result exists, but only its absence confirms the commit
            return row;
        }
    }
}
