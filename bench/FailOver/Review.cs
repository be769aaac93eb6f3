using System.Diagnostics;
using Npgsql;

namespace AuthMesh.Bench.FailOver;

/// <summary>Looks for everything that the mesh acknowledged in a round.</summary>
internal static class Review
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static readonly ParallelOptions AtATime = new() { MaxDegreeOfParallelism = 4 };

    /// <returns>How many acknowledged writes are missing.</returns>
    public static async Task<int> CountMissingAsync(Acknowledged round, Cluster cluster, Clients clients)
    {
        await using var connection = await cluster.ConnectAsync();
        var missing = await CountAsync(
            "SELECT count(*) FROM unnest($1) AS name WHERE NOT EXISTS (SELECT FROM users WHERE username = name)",
            round.Registrations.ToArray());
        missing += await CountAsync(
            "SELECT count(*) FROM unnest($1) AS ended WHERE EXISTS (SELECT FROM sessions s WHERE s.id = ended AND s.ended_at IS NULL)",
            round.Revocations.Select(ended => ended.SessionId).ToArray());
        await Parallel.ForEachAsync(round.PasswordChanges, AtATime, async (changed, _) =>
        {
            var waited = Stopwatch.StartNew();
            int status;
            while ((status = await clients.LoginAsync(changed.Username, changed.Password)) is 0 or 503)
            {
                if (waited.Elapsed > Patience)
                {
                    throw new InvalidOperationException(
                        $"No login of {changed.Username} was answered for {Patience.TotalSeconds:0} s. The last answer: {status}");
                }

                await Task.Delay(100, CancellationToken.None);
            }

            if (status != 200)
            {
                Interlocked.Increment(ref missing);
            }
        });
        return missing;

        async Task<int> CountAsync(string sql, object values)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            command.Parameters.AddWithValue(values);
            return (int)(long)(await command.ExecuteScalarAsync())!;
        }
    }

    /// <returns>How often the token or the refresh token of an ended session is accepted.</returns>
    public static async Task<int> CountAcceptedAsync(Acknowledged round, Clients clients)
    {
        var accepted = 0;
        await Parallel.ForEachAsync(round.Revocations, AtATime, async (ended, _) =>
        {
            var count = await clients.CountAcceptingAsync(ended.Token);
            count += await clients.RefreshAsync(ended.RefreshToken) == 200 ? 1 : 0;
            Interlocked.Add(ref accepted, count);
        });
        return accepted;
    }
}
