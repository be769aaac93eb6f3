using System.CommandLine;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.Bench.Sessions;
using AuthMesh.Bench.Versions;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Tokens;

/// <summary>
/// Measures how many tokens the identity service gives to applications in a second of its own processor time, asked directly.
/// </summary>
internal static class ServiceTokenRate
{
    private const int Callers = 16, Target = 4_000;

    private static readonly TimeSpan Turn = TimeSpan.FromSeconds(5);

    public static Command Define()
    {
        var rounds = new Option<int>("--rounds") { Description = "Number of rounds", DefaultValueFactory = _ => 5 };
        var command = new Command("service-tokens", "Measures the cost of a token that an application gets in its own name") { rounds };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(rounds), cancellation));
        return command;
    }

    private static async Task<int> RunAsync(int rounds, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions { DemoUsers = true, GatewaySettings = Unthrottled.Gateway }, cancellation);
        using var gateway = new Caller(mesh.Gateway.Address);
        var (signedIn, _) = await gateway.PostAsync("/login", new { username = "admin", password = "admin123" });
        var bodies = new List<string>();
        for (var i = 0; i < Callers; i++)
        {
            var made = await gateway.ReadAsync(
                HttpMethod.Post, "/applications", new { client_id = $"bench-{Guid.NewGuid():N}"[..20], scopes = (string[])["orders.read"] },
                ("Authorization", "Bearer " + signedIn.GetProperty("token").GetString()));
            var clientId = made.GetProperty("application").GetProperty("client_id").GetString();
            bodies.Add($"grant_type=client_credentials&client_id={clientId}&client_secret={made.GetProperty("client_secret").GetString()}");
        }

        var load = new PostLoad(
            mesh.Identity.Address, "/token", mesh.Identity.ProcessId!.Value, [.. bodies], contentType: "application/x-www-form-urlencoded");
        await load.RunAsync(Plan.Full.WarmUp, cancellation);
        await using var database = Npgsql.NpgsqlDataSource.Create(mesh.ConnectionString);
        var postmaster = await RefreshRate.FindPostmasterAsync(database);
        var perCoreSecond = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            var before = CpuTime.OfChanging(postmaster);
            var (perSecond, cpu) = await load.RunAsync(Turn, cancellation);
            perCoreSecond.Add(1 / cpu);
            var ofPostgres = (CpuTime.OfChanging(postmaster) - before) / (perSecond * Turn.TotalSeconds);
            Console.WriteLine(FormattableString.Invariant($"{perSecond:0} tokens a second, {cpu * 1e6:0} us of processor time each, ")
                + (postmaster is null ? "PostgreSQL unknown" : FormattableString.Invariant($"PostgreSQL {ofPostgres * 1e6:0} us")));
        }

        Console.WriteLine(FormattableString.Invariant(
            $"{Row.Median(perCoreSecond):0} tokens per second of the identity service's processor time (target {Target})"));
        return 0;
    }
}
