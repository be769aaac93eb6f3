using System.CommandLine;
using System.Diagnostics;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.FailOver;

/// <summary>
/// Runs two replicas of each service on three PostgreSQL nodes under Patroni, and breaks one part after the other under load. It fails if
/// an acknowledged write is missing afterwards, or if the token of an ended session is accepted.
/// </summary>
internal static class Drill
{
    private static readonly TimeSpan StaleAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

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
            isFine &= await RunAsync(round, DrillFault.InOrder[(round - 1) % DrillFault.InOrder.Count], cluster, clients, cancellation);
        }

        Console.WriteLine();
        Console.WriteLine(FormattableString.Invariant($"{rounds} rounds in {started.Elapsed.TotalSeconds:0} s: ")
            + (isFine ? "nothing acknowledged is missing, and no ended token was accepted" : "FAILED"));
        return isFine ? 0 : 1;
    }

    private static async Task<bool> RunAsync(
        int number, DrillFault fault, Cluster cluster, Clients clients, CancellationToken cancellation)
    {
        await cluster.UntilWholeAsync();
        var round = clients.BeginRound();
        await UntilWritesAsync(round, 20, cancellation);
        var heal = await fault.BreakAsync(cluster);
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

        var missing = await Review.CountMissingAsync(round, cluster, clients);
        var accepted = await Review.CountAcceptedAsync(round, clients);
        var counts = $"{round.Registrations.Count}, {round.PasswordChanges.Count}, {round.Revocations.Count}";
        Console.WriteLine(
            FormattableString.Invariant($"| {number} | {fault.Name} | {round.LongestPause().TotalSeconds:0.0} | {round.Requests} | ")
            + FormattableString.Invariant($"{round.Failures} | {counts} | {missing} | {accepted + acceptedLate} | ")
            + FormattableString.Invariant($"{longest.TotalMilliseconds:0} ms |"));
        return missing + accepted + acceptedLate == 0;
    }

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
}
