using System.Net.Sockets;
using Npgsql;

namespace AuthMesh.Identity.Platform.Database;

/// <summary>Asks several hosts at once which of them accepts writes.</summary>
internal static class FindPrimary
{
    // An earlier primary may answer before the new one does. A host that is silent must not delay the others.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(200);

    // The first eight digits of a WAL file's name are the timeline, and each promotion begins a new one.
    private const string Ask =
        """
        SELECT CASE WHEN NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off'
            THEN ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int END
        """;

    /// <summary>
    /// Returns the answers of all hosts, the silent ones as refusals. It returns early once a primary has answered and the others had a
    /// moment to contradict.
    /// </summary>
    public static async Task<IReadOnlyList<HostAnswer<T>>> AskAsync<T>(
        IReadOnlyList<T> hosts, Func<T, NpgsqlDataSource> source, TimeProvider clock)
        where T : class
    {
        var asked = hosts.Select(host => AskAsync(host, source(host))).ToList();
        await foreach (var answered in Task.WhenEach(asked))
        {
            if ((await answered).Timeline is not null)
            {
                break;
            }
        }

        await Task.WhenAny(Task.WhenAll(asked), Task.Delay(Grace, clock));
        return [.. asked.Where(task => task.IsCompletedSuccessfully).Select(task => task.Result)];
    }

    /// <returns>The primary with the highest timeline, because a lower one was replaced and does not know it yet.</returns>
    public static HostAnswer<T>? Newest<T>(IEnumerable<HostAnswer<T>> answers) =>
        answers.Where(answer => answer.Timeline is not null).MaxBy(answer => answer.Timeline);

    /// <returns>Why none is a primary: the answer of a server if one refused, else a general reason.</returns>
    public static NpgsqlException Reason<T>(IEnumerable<HostAnswer<T>> answers) =>
        answers.Select(answer => answer.Refusal).OfType<PostgresException>().FirstOrDefault()
        ?? new NpgsqlException("no host in the connection string accepts writes");

    private static async Task<HostAnswer<T>> AskAsync<T>(T host, NpgsqlDataSource source)
    {
        try
        {
            await using var command = source.CreateCommand(Ask);
            return new(host, await command.ExecuteScalarAsync() as int?, null);
        }
        catch (Exception exception) when (exception is NpgsqlException or SocketException or IOException or TimeoutException)
        {
            return new(host, null, exception);
        }
    }
}

/// <param name="Host">The host that was asked.</param>
/// <param name="Timeline">If the host is a primary: the number of promotions before it.</param>
/// <param name="Refusal">If the host could not be asked: why.</param>
internal sealed record HostAnswer<T>(T Host, int? Timeline, Exception? Refusal);
