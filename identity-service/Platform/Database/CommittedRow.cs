using System.Data;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

internal static class CommittedRow
{
    extension(NpgsqlCommand command)
    {
        /// <summary>
        /// Runs a statement that writes and returns at most one row. When it returns, the change is committed, unless the connection is in
        /// a transaction. It opens and closes a connection of the command's own.
        /// </summary>
        /// <remarks>
        /// PostgreSQL sends the row before it commits, and triggers of the revocation log run at the commit. Entity Framework's queries
        /// stop after the rows, and Npgsql hides a cancellation after that point: the caller would report a change that was rolled back.
        /// </remarks>
        /// <param name="read">Reads the row.</param>
        /// <param name="cancellationToken">Cancels the statement and rolls it back.</param>
        public async Task<T?> ReadCommittedRowAsync<T>(Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
            where T : class
        {
            var connection = command.Connection!;
            if (connection.State != ConnectionState.Closed)
            {
                return await command.ReadRowAsync(read, cancellationToken);
            }

            await using (connection)
            {
                await connection.OpenAsync(cancellationToken);
                return await command.ReadRowAsync(read, cancellationToken);
            }
        }

        private async Task<T?> ReadRowAsync<T>(Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
            where T : class
        {
            T? row;
            await using (var rows = await command.ExecuteReaderAsync(cancellationToken))
            {
                row = await rows.ReadAsync(cancellationToken) ? read(rows) : null;
                await rows.NextResultAsync(cancellationToken); // no second result exists, but only its absence confirms the commit
            }

            UnconfirmedCommit.ThrowIfAny(command.Connection!);
            return row;
        }
    }
}
