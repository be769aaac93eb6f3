using System.Diagnostics;
using System.Security.Cryptography;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Versions;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using Npgsql;

namespace AuthMesh.Bench.OpenId;

/// <summary>
/// Measures how many codes per second applications trade for tokens, against the same statements in one transaction through plain Npgsql
/// and two signatures.
/// </summary>
internal static class CodeRate
{
    private const int Callers = 64, TokenBytes = 700; // of an access token's header and payload

    public static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions { DemoUsers = true, GatewaySettings = Unthrottled.Gateway }, cancellation);
        var own = new DatabaseOptions { ConnectionString = mesh.ConnectionString }.ReadHosts()[0];
        await using var prepared = NpgsqlDataSource.Create(own);
        await using var plain = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(mesh.ConnectionString) { MaxPoolSize = own.MaxPoolSize });
        var codes = await Codes.CreateAsync(mesh, plain, plan.IsSmoke ? 4_000 : 16_000, cancellation);

        var identity = mesh.Identity.ProcessId!.Value;
        var (service, statements, preparedStatements) = (new List<double>(), new List<double>(), new List<double>());
        var processorTime = new List<double>();
        var turn = TimeSpan.FromSeconds(plan.IsSmoke ? 1 : 3); // longer turns would need more codes
        var warmUp = Stopwatch.StartNew();
        for (var round = plan.WarmUp > TimeSpan.Zero ? -1 : 0; round < plan.Rounds;) // rounds below 0 are not counted
        {
            foreach (var contender in round % 2 == 0 ? (int[])[0, 1, 2] : [2, 1, 0])
            {
                await codes.RenewAsync(cancellation);
                var (perSecond, cpu) = contender == 0
                    ? await PostAsync(mesh.Identity.Address, identity, codes, turn, cancellation)
                    : (await RedeemAsync(contender == 1 ? plain : prepared, codes, turn, cancellation), 0);
                if (round >= 0)
                {
                    ((List<double>[])[service, statements, preparedStatements])[contender].Add(perSecond);
                    processorTime.AddRange(contender == 0 ? [cpu] : []);
                }
            }

            round += round >= 0 || warmUp.Elapsed >= plan.WarmUp ? 1 : 0;
        }

        return
        [
            new Row(
                "POST /token with a code", "the same statements and two signatures through Npgsql",
                [.. service.Zip(statements, (ours, theirs) => ours / theirs)], Targets.Code)
            {
                Figures = FormattableString.Invariant(
                    $"at the identity service {Row.Median(service):0}/s, {Row.Median(processorTime) * 10_000:0.0} CPU s per 10,000; ")
                    + FormattableString.Invariant($"to the statements alone {Row.Median(statements):0}/s; ")
                    + FormattableString.Invariant($"the same, prepared as the service's are {Row.Median(preparedStatements):0}/s"),
            },
        ];
    }

    private static async Task<(double PerSecond, double Cpu)> PostAsync(
        Uri address, int processId, Codes codes, TimeSpan time, CancellationToken cancellation)
    {
        var before = await codes.CountSpentAsync(cancellation);
        var sent = 0;
        string Next(System.Text.Json.JsonElement answer)
        {
            Interlocked.Increment(ref sent);
            return codes.NextForm();
        }

        var load = new PostLoad(
            address, "/token", processId, [.. Enumerable.Range(0, Callers).Select(_ => codes.NextForm())], Next,
            "application/x-www-form-urlencoded");
        var measured = await load.RunAsync(time, cancellation);
        await codes.CheckAsync(before, sent, cancellation); // PostLoad takes no other answer than 200
        return measured;
    }

    private static async Task<double> RedeemAsync(NpgsqlDataSource database, Codes codes, TimeSpan time, CancellationToken cancellation)
    {
        var (before, done, turn) = (await codes.CountSpentAsync(cancellation), 0, Stopwatch.StartNew());
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => Task.Run(
            async () =>
            {
                using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                var text = new byte[TokenBytes];
                while (turn.Elapsed < time)
                {
                    await codes.RedeemAsync(database, cancellation);
                    key.SignData(text, HashAlgorithmName.SHA256);
                    key.SignData(text, HashAlgorithmName.SHA256);
                    Interlocked.Increment(ref done);
                }
            },
            cancellation)));
        var perSecond = done / turn.Elapsed.TotalSeconds;
        await codes.CheckAsync(before, done, cancellation);
        return perSecond;
    }
}
