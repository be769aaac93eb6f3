using System.Diagnostics;
using System.Globalization;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Startup;

/// <summary>
/// Measures the time from the command to a ready mesh, including PostgreSQL, against one service with ASP.NET Core's own identity endpoints
/// whose PostgreSQL already runs. Both are built and have their databases.
/// </summary>
internal static class StartTime
{
    private const string Ready = "AuthMesh is ready at ";

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        Published.EachAsync(published => TemporaryFolders.UseAsync(folder => MeasureAsync(published, folder, plan, cancellation)));

    private static async Task<Row> MeasureAsync(Published published, string folder, Plan plan, CancellationToken cancellation)
    {
        await using var postgres = await PostgresServer.StartAsync();
        var (ratios, ours, theirs) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = -1; round < plan.Rounds; round++) // the round below 0 creates the databases
        {
            var mesh = await StartMeshAsync(Path.Combine(folder, "mesh"), published, cancellation);
            var stock = await StartStockAsync(postgres.ConnectionString, folder, cancellation);
            if (round >= 0)
            {
                ours.Add(mesh.TotalSeconds);
                theirs.Add(stock.TotalSeconds);
                ratios.Add(mesh / stock);
            }
        }

        return new Row(
            $"start of the mesh to ready, {published.Name}", "start of ASP.NET Core's own identity service", ratios, Targets.Start)
        {
            Figures = FormattableString.Invariant($"{Row.Median(ours):0.00} s, PostgreSQL included | {Row.Median(theirs):0.00} s"),
        };
    }

    private static async Task<TimeSpan> StartMeshAsync(string data, Published published, CancellationToken cancellation)
    {
        var log = data + ".log";
        File.Delete(log);
        string[] services = published.Folder is { } folder ? ["--services", folder] : [];
        string[] command =
            [ServiceOutput.DotNet, Checkout.Dll("local-mesh"), "--data", data, "--port",
                Ports.Free().ToString(CultureInfo.InvariantCulture), "--no-demo", .. services];
        var start = Stopwatch.StartNew();
        var mesh = await ChildProcess.StartAsync(new ChildCommand("local-mesh", command, Path.GetTempPath(), log));
        while (!LogFile.Read(log).Contains(Ready, StringComparison.Ordinal))
        {
            if (mesh.Exited.IsCompleted)
            {
                throw new MeshException($"The mesh did not start. {LogFile.Tail(log)}");
            }

            await Task.Delay(5, cancellation);
        }

        var time = start.Elapsed;
        await mesh.StopAsync(Signal.Terminate, TimeSpan.FromSeconds(60));
        return time;
    }

    private static async Task<TimeSpan> StartStockAsync(string connectionString, string folder, CancellationToken cancellation)
    {
        var start = Stopwatch.StartNew();
        await using var stock = await DotNet.StartStockIdentityAsync(connectionString, folder);
        await stock.WaitUntilItAnswersAsync("/", cancellation); // queries the database, as a health check would
        return start.Elapsed;
    }
}
