using System.CommandLine;
using System.Diagnostics;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Npgsql;

namespace AuthMesh.Bench.FailOver;

/// <summary>
/// Runs two replicas of each service on three PostgreSQL nodes under Patroni, and breaks one part after the other under load. It fails if
/// an acknowledged write is missing afterwards, or if the token of an ended session is accepted.
/// </summary>
internal static class Drill
{
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    private static readonly ParallelOptions AtATime = new() { MaxDegreeOfParallelism = 4 };

    // The order of the ten rounds; the short form takes the first two.
    private static readonly IReadOnlyList<Fault> Faults =
    [
        Fault.KillPrimary, Fault.SwitchOver, Fault.KillNode, Fault.CutStandbyOff, Fault.CutPrimaryOff,
    ];

    private enum Fault
    {
        KillPrimary,
        SwitchOver,
        KillNode,
        CutStandbyOff,
        CutPrimaryOff,
    }

    public static Command Define()
    {
        var rounds = new Option<int>("--rounds") { Description = "Number of rounds", DefaultValueFactory = _ => 10 };
        var isShort = new Option<bool>("--short") { Description = "One killed primary and one switch-over" };
        var gateways = new Option<string[]>("--gateways")
        {
            Description = "Break the containers of deploy/ha/docker-compose.yml, whose gateways have these addresses",
            AllowMultipleArgumentsPerToken = true,
        };
        var command = new Command("fail-over", "Breaks a PostgreSQL cluster under load; needs patroni and etcd, or containers")
        {
            rounds, isShort, gateways,
        };
        command.SetAction((parsed, cancellation) =>
        {
            var count = parsed.GetValue(isShort) ? 2 : parsed.GetValue(rounds);
            return parsed.GetValue(gateways) is { Length: > 0 } addresses
                ? RunInContainersAsync(count, [.. addresses.Select(address => new Uri(address))], cancellation)
                : RunLocallyAsync(count, verifiers: parsed.GetValue(isShort) ? 1 : 2, cancellation);
        });
        return command;
    }

    private static async Task<int> RunLocallyAsync(int rounds, int verifiers, CancellationToken cancellation)
    {
        var started = Stopwatch.StartNew();
        await using var cluster = await LocalCluster.LaunchAsync();
        var meshStarts = Mesh.StartAsync( // the services wait for the database by themselves
            InProduction.Options with
            {
                ConnectionString = cluster.ConnectionString,
                IdentityReplicas = 2,
                ResourceReplicas = verifiers,
                GatewayReplicas = verifiers,
                Settings = new Dictionary<string, string>(InProduction.Options.Settings)
                {
                    ["AuthMesh:Revocations:OnStale"] = "Reject", ["AuthMesh:Revocations:StaleAfter"] = StaleAfter.ToString("c"),
                },
                IdentitySettings = new Dictionary<string, string>(InProduction.Options.IdentitySettings)
                {
                    ["Identity:Database:RequireDurability"] = "quorum",
                },
            },
            cancellation);
        await cluster.PrepareAsync();
        Console.WriteLine(FormattableString.Invariant($"three nodes under Patroni are up after {started.Elapsed.TotalSeconds:0} s"));
        await using var mesh = await meshStarts;
        Console.WriteLine(
            FormattableString.Invariant($"{mesh.Services.Count} services are ready after {started.Elapsed.TotalSeconds:0} s"));
        List<Uri> gateways = [.. mesh.Gateways.Select(service => service.Address)];
        return await RunAsync(
            rounds, cluster, gateways, [.. gateways, .. mesh.Resources.Select(service => service.Address)], cancellation);
    }

    private static async Task<int> RunInContainersAsync(int rounds, Uri[] gateways, CancellationToken cancellation)
    {
        await using var cluster = await ComposeCluster.FindAsync();
        return await RunAsync(rounds, cluster, gateways, verifiers: gateways, cancellation);
    }

    private static async Task<int> RunAsync(
        int rounds, Cluster cluster, IReadOnlyList<Uri> gateways, IReadOnlyList<Uri> verifiers, CancellationToken cancellation)
    {
        var started = Stopwatch.StartNew();
        Console.WriteLine();
        Console.WriteLine(
            "| round | fault | seconds without a write | requests | failed, by status | acknowledged: registrations, passwords, sign-outs "
            + "| missing | ended tokens accepted | longest acceptance after a sign-out |");
        Console.WriteLine("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        await using var clients = new Clients(gateways, verifiers, StaleAfter);
        await Task.Delay(TimeSpan.FromSeconds(2), cancellation); // the first requests compile the services' code
        var isFine = true;
        for (var round = 1; round <= rounds; round++)
        {
            isFine &= await RunAsync(round, Faults[(round - 1) % Faults.Count], cluster, clients, cancellation);
        }

        Console.WriteLine();
        Console.WriteLine(FormattableString.Invariant($"{rounds} rounds in {started.Elapsed.TotalSeconds:0} s: ")
            + (isFine ? "nothing acknowledged is missing, and no ended token was accepted" : "FAILED"));
        return isFine ? 0 : 1;
    }

    private static async Task<bool> RunAsync(
        int number, Fault fault, Cluster cluster, Clients clients, CancellationToken cancellation)
    {
        await cluster.UntilWholeAsync();
        var round = clients.BeginRound();
        await UntilWritesAsync(round, 20, cancellation);
        var heal = await BreakAsync(fault, cluster);
        await Task.Delay(TimeSpan.FromSeconds(1), cancellation); // requests that were under way when it happened are over
        await UntilWritesAsync(round, round.Writes.Count + 20, cancellation);
        await heal();
        await UntilWritesAsync(round, round.Writes.Count + 20, cancellation);
        await cluster.UntilWholeAsync();
        await UntilWritesAsync(round, round.Writes.Count + 20, cancellation);

        var (acceptedLate, longest) = (clients.AcceptedLate, clients.LongestAcceptance);
        clients.BeginRound();
        while (round.UnderWay > 0) // they still count to this round
        {
            await Task.Delay(20, cancellation);
        }

        var missing = await CountMissingAsync(round, cluster, clients);
        var accepted = await CountAcceptedAsync(round, clients);
        var counts = $"{round.Registrations.Count}, {round.PasswordChanges.Count}, {round.Revocations.Count}";
        Console.WriteLine(
            FormattableString.Invariant($"| {number} | {Name(fault)} | {round.LongestPause().TotalSeconds:0.0} | {round.Requests} | ")
            + FormattableString.Invariant($"{round.Failures} | {counts} | {missing} | {accepted + acceptedLate} | ")
            + FormattableString.Invariant($"{longest.TotalMilliseconds:0} ms |"));
        return missing + accepted + acceptedLate == 0;
    }

    /// <returns>Ends the fault.</returns>
    private static async Task<Func<Task>> BreakAsync(Fault fault, Cluster cluster)
    {
        var leader = await cluster.FindAsync("leader");
        switch (fault)
        {
            case Fault.KillPrimary:
                await leader.KillPostmasterAsync();
                return () => Task.CompletedTask; // Patroni heals it
            case Fault.SwitchOver:
                await leader.Patroni.SwitchOverAsync(leader.Name);
                return () => Task.CompletedTask;
            case Fault.KillNode:
                await leader.KillAsync();
                return leader.StartAsync;
            case Fault.CutStandbyOff:
                var standby = await cluster.FindAsync("sync_standby");
                await standby.CutOffAsync();
                return standby.ReconnectAsync;
            default:
                await leader.CutOffAsync();
                return leader.ReconnectAsync;
        }
    }

    private static string Name(Fault fault) => fault switch
    {
        Fault.KillPrimary => "the primary's postmaster is killed",
        Fault.SwitchOver => "switch-over",
        Fault.KillNode => "the primary's node is killed",
        Fault.CutStandbyOff => "the synchronous standby is cut off",
        _ => "the primary is cut off",
    };

    private static async Task UntilWritesAsync(Acknowledged round, int count, CancellationToken cancellation)
    {
        var waited = Stopwatch.StartNew();
        while (round.Writes.Count < count)
        {
            if (waited.Elapsed > Patience)
            {
                throw new InvalidOperationException($"No writes for {Patience.TotalSeconds:0} s. Failed: {round.Failures}");
            }

            await Task.Delay(50, cancellation);
        }
    }

    private static async Task<int> CountMissingAsync(Acknowledged round, Cluster cluster, Clients clients)
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
            int status;
            while ((status = await clients.LoginAsync(changed.Username, changed.Password)) is 0 or 503)
            {
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

    private static async Task<int> CountAcceptedAsync(Acknowledged round, Clients clients)
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
