using System.Diagnostics;
using System.Security.Cryptography;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.Bench.Sessions;
using AuthMesh.TestMesh;
using Bcrypt = BCrypt.Net.BCrypt;

namespace AuthMesh.Bench.Growth;

/// <summary>Measures whether requests get slower as a mesh grows: a small and a large one take turns. A ratio above 1 is slower.</summary>
internal static class GrowthTimes
{
    private const int Few = 1_000, Many = 1_000_000, ManyForSmoke = 2_000;
    private const int FewTokens = 10, ManyTokens = 100_000, ManyTokensForSmoke = 1_000;
    private const int Refreshes = 500, Logins = 100; // in a turn
    private const int Callers = 8;
    private const int CheapCost = 4; // as Unthrottled.WithCheapHashes sets it

    private static readonly TimeSpan FirstSights = TimeSpan.FromSeconds(60);

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        TemporaryFolders.UseAsync(async folder =>
    {
        var many = plan.IsSmoke ? ManyForSmoke : Many;
        await using var small = await GrownMesh.StartAsync(Few, cancellation);
        await using var large = await GrownMesh.StartAsync(many, cancellation);
        return (IReadOnlyList<Row>)
        [
            await CompareAsync($"POST /refresh with {many:N0} sessions and users", small, large, RefreshTimeAsync, plan, cancellation),
            await CompareAsync(
                $"POST /login with {many:N0} sessions and users, beyond the hash", small, large, LoginTimeAsync, plan, cancellation),
            await CompareTokensAsync(large, folder, plan, cancellation),
        ];
    });

    private static async Task<Row> CompareAsync(
        string measure, GrownMesh small, GrownMesh large, Func<GrownMesh, CancellationToken, Task<double>> timeAsync, Plan plan,
        CancellationToken cancellation)
    {
        var warmUp = Stopwatch.StartNew();
        do
        {
            await timeAsync(small, cancellation);
            await timeAsync(large, cancellation);
        }
        while (warmUp.Elapsed < plan.WarmUp);

        var (inSmall, inLarge) = (new List<double>(), new List<double>());
        for (var round = 0; round < plan.Rounds; round++)
        {
            // Several turns for each mesh, because a turn is short and a checkpoint may fall into it.
            var (s, l) = (new List<double>(), new List<double>());
            for (var turn = 0; turn < (plan.IsSmoke ? 1 : 4); turn++)
            {
                s.Add(await timeAsync(small, cancellation));
                l.Add(await timeAsync(large, cancellation));
            }

            inSmall.Add(Row.Median(s));
            inLarge.Add(Row.Median(l));
        }

        return new Row(measure, $"with {Few:N0}", [.. inLarge.Zip(inSmall, (ours, least) => ours / least)], Targets.Growth)
        {
            Figures = FormattableString.Invariant($"{Row.Median(inLarge):0.00} ms | {Row.Median(inSmall):0.00} ms"),
        };
    }

    /// <returns>The milliseconds for one refresh, with eight always in progress.</returns>
    private static async Task<double> RefreshTimeAsync(GrownMesh mesh, CancellationToken cancellation)
    {
        await mesh.Sessions.AgeAsync(cancellation);
        var sessions = Enumerable.Range(0, mesh.Sessions.Count).ToArray();
        RandomNumberGenerator.Shuffle<int>(sessions); // spread over the whole table, as in production
        var (calls, next, time) = (new RefreshCalls(mesh.Mesh.Identity.Address, mesh.Sessions, Callers), -1, Stopwatch.StartNew());
        await Task.WhenAll(Enumerable.Range(0, Callers).Select(async caller =>
        {
            for (int call; (call = Interlocked.Increment(ref next)) < Refreshes;)
            {
                await calls.CallAsync(caller, sessions[call], cancellation);
            }
        }));
        return time.Elapsed.TotalMilliseconds / Refreshes * Callers;
    }

    /// <returns>The milliseconds for one login, one at a time, without the time of its hash.</returns>
    private static async Task<double> LoginTimeAsync(GrownMesh mesh, CancellationToken cancellation)
    {
        var (logins, hashes, salt) = (new List<double>(), new List<double>(), Bcrypt.GenerateSalt(CheapCost, 'b'));
        for (var i = 0; i < Logins; i++)
        {
            var start = Stopwatch.GetTimestamp();
            await mesh.SignInAsync(cancellation);
            logins.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            start = Stopwatch.GetTimestamp();
            Bcrypt.HashPassword("a password for a benchmark", salt);
            hashes.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        return Row.Median(logins) - Row.Median(hashes);
    }

    private static async Task<Row> CompareTokensAsync(GrownMesh mesh, string folder, Plan plan, CancellationToken cancellation)
    {
        var many = plan.IsSmoke ? ManyTokensForSmoke : ManyTokens;
        var gateway = mesh.Mesh.Gateway.Address;
        var tokens = mesh.Sessions.MintAccessTokens(gateway.GetLeftPart(UriPartial.Authority), many)
            .Select(token => "Bearer " + token).ToList();
        var (fewFile, manyFile) = (Path.Combine(folder, "few"), Path.Combine(folder, "many"));
        await File.WriteAllLinesAsync(fewFile, tokens.Take(FewTokens), cancellation);
        await File.WriteAllLinesAsync(manyFile, tokens, cancellation);

        var (url, inFew, inMany, shown) = (new Uri(gateway, "/protected"), new List<double>(), new List<double>(), 0L);
        Task<Load> RunAsync(string file, TimeSpan time) => Wrk.RunAsync(url, time, ("Authorization", file));
        do
        {
            shown = (await RunAsync(manyFile, plan.IsSmoke ? plan.Turn : FirstSights)).Requests;
        }
        while (shown < many); // until each token has been seen once

        for (var round = 0; round < plan.Rounds; round++)
        {
            inFew.Add(1000 / (await RunAsync(fewFile, plan.Turn)).PerSecond);
            inMany.Add(1000 / (await RunAsync(manyFile, plan.Turn)).PerSecond);
        }

        return new Row(
            $"GET /protected with {many:N0} tokens in use", $"with {FewTokens}",
            [.. inMany.Zip(inFew, (ours, least) => ours / least)], Targets.Growth)
        {
            Figures = FormattableString.Invariant($"{Row.Median(inMany):0.000} ms | {Row.Median(inFew):0.000} ms"),
        };
    }
}
