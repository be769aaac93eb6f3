using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.Bench.Startup;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Flood;

/// <summary>
/// Measures whether signed-in users and known devices notice a flood of logins. Quiet and flood phases take turns; the ratio between them
/// counts.
/// </summary>
internal static class FloodLoad
{
    private const int KnownUsers = 4, KnownLoginsEach = 10; // in each round
    private static readonly TimeSpan RampUp = TimeSpan.FromSeconds(3);

    public static Command Define()
    {
        var clients = new Option<int>("--clients") { Description = "Number of concurrent clients", DefaultValueFactory = _ => 64 };
        var seconds = new Option<int>("--seconds") { Description = "Duration of each phase", DefaultValueFactory = _ => 20 };
        var rounds = new Option<int>("--rounds") { Description = "Number of quiet and flood phases", DefaultValueFactory = _ => 3 };
        var forgotten = new Option<bool>("--forgotten") { Description = "Flood /password/forgot instead of /login" };
        var address = new Option<Uri?>("--address")
        {
            Description = "A running mesh; by default, the benchmark starts one",
            CustomParser = result => new Uri(result.Tokens[0].Value),
        };
        var command = new Command(
            "flood", "Measures how a flood of logins affects other callers and its own throughput")
        {
            clients, seconds, rounds, forgotten, address,
        };
        command.SetAction((parsed, cancellation) => RunAsync(
            parsed.GetValue(address), parsed.GetValue(clients), TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(rounds),
            parsed.GetValue(forgotten), cancellation));
        return command;
    }

    private static async Task RunAsync(
        Uri? address, int clients, TimeSpan time, int rounds, bool isForgotten, CancellationToken cancellation)
    {
        var options = new MeshOptions { IdentitySettings = isForgotten ? ForgetfulUsers.MailSettings : [] };
        await using var mesh = address is null ? await Mesh.StartAsync(options, cancellation) : null;
        if (isForgotten && mesh is not null)
        {
            await ForgetfulUsers.CreateAsync(mesh, cancellation);
        }

        var gateway = address ?? mesh!.Gateway.Address;
        using var caller = new Caller(gateway);
        using var session = await SignedIn.CreateAsync(gateway);
        Probe[] probes =
        [
            new("POST /refresh", session.RefreshAsync),
            new("GET /.well-known/jwks.json", () => caller.SendAsync(HttpMethod.Get, "/.well-known/jwks.json", null)),
            new("GET /protected", () => caller.SendAsync(HttpMethod.Get, "/protected", session.Token)),
        ];
        var known = new List<KnownUser>();
        for (var i = 0; i < KnownUsers; i++)
        {
            known.Add(await KnownUser.CreateAsync(gateway));
        }

        await Probe.RunAsync(probes, TimeSpan.FromSeconds(3), cancellation); // warm-up

        Console.WriteLine(
            Line($"{clients} clients at {(isForgotten ? "/password/forgot" : "/login")}, cost {HashSpeed.Cost}, ")
            + Line($"{Environment.ProcessorCount} cores, {rounds} rounds of ")
            + Line($"{time.TotalSeconds:0} s quiet and {time.TotalSeconds:0} s flood"));
        var results = new List<Round>();
        for (var i = 0; i < rounds; i++)
        {
            results.Add(await RunRoundAsync(gateway, mesh?.Identity.ProcessId, probes, known, clients, time, isForgotten, cancellation));
            Console.WriteLine(Line($"round {i + 1}: {results[i].Describe()}"));
        }

        Print(probes, results, isForgotten);
        if (isForgotten && mesh is not null)
        {
            Console.WriteLine(await ForgetfulUsers.DescribeQueuesAsync(mesh, cancellation));
        }

        known.ForEach(user => user.Dispose());
    }

    private static async Task<Round> RunRoundAsync(
        Uri gateway, int? identity, Probe[] probes, List<KnownUser> known, int clients, TimeSpan time, bool isForgotten,
        CancellationToken cancellation)
    {
        var quiet = await Probe.RunAsync(probes, time, cancellation);
        var memoryBefore = MemoryOf(identity);
        var hashBefore = await HashSpeed.MeasureAsync();

        using var flood = new LoginFlood(gateway, isForgotten);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var flooding = flood.RunAsync(clients, end.Token);
        await Task.Delay(RampUp, cancellation);
        flood.TakeAnswers();
        var knownLogins = known.Select(user => user.IsKnown ? user.SignInAsync(KnownLoginsEach) : Task.FromResult(-1)).ToList();
        var flooded = await Probe.RunAsync(probes, time, cancellation);
        var answers = flood.TakeAnswers();
        var memoryAfter = MemoryOf(identity);
        var successes = await Task.WhenAll(knownLogins);
        await end.CancelAsync();
        await flooding;
        var hash = (hashBefore + await HashSpeed.MeasureAsync()) / 2; // other programs may use the machine too
        return new Round(hash, quiet, flooded, answers, time, successes.Contains(-1) ? null : successes.Sum(), memoryBefore, memoryAfter);
    }

    private static void Print(Probe[] probes, List<Round> rounds, bool isForgotten)
    {
        Console.WriteLine();
        Console.WriteLine(
            $"{"milliseconds",-28}{"quiet p50",11}{"p99",8}{"flood p50",11}{"p99",8}{"p99 flood/quiet",17}{"by round",22}{"not 200",9}");
        for (var i = 0; i < probes.Length; i++)
        {
            var (quiet, flood) =
                (Latencies.Of(rounds.Select(round => round.Quiet[i])), Latencies.Of(rounds.Select(round => round.Flood[i])));
            var byRound = string.Join(" ", rounds.Select(round => Line($"{round.Flood[i].P99 / round.Quiet[i].P99:0.0}")));
            Console.WriteLine(
                Line($"{probes[i].Name,-28}{quiet.P50,11:0.0}{quiet.P99,8:0.0}{flood.P50,11:0.0}{flood.P99,8:0.0}")
                + Line($"{flood.P99 / quiet.P99,17:0.0}{byRound,22}{quiet.Failures + flood.Failures,9}"));
        }

        Console.WriteLine();
        if (!isForgotten)
        {
            Console.WriteLine(Line($"logins hashed, as a share of the cores' capacity: {rounds.Average(round => round.Yield):0.00}"));
        }

        if (rounds.All(round => round.KnownSuccesses is not null))
        {
            Console.WriteLine(
                $"logins on known devices that succeeded during the flood: {rounds.Sum(round => round.KnownSuccesses)} of "
                + $"{rounds.Count * KnownUsers * KnownLoginsEach}");
        }
    }

    private static double? MemoryOf(int? process) => process is { } id ? ResidentMemory.MegabytesOf(id) : null;

    private static string Line(FormattableString line) => FormattableString.Invariant(line);

    private sealed record Round(
        TimeSpan Hash, Latencies[] Quiet, Latencies[] Flood, IReadOnlyDictionary<int, int> Answers, TimeSpan Time, int? KnownSuccesses,
        double? MemoryBefore, double? MemoryAfter)
    {
        public double HashesPerSecond => (LoginFlood.Hashed(Answers) + (KnownSuccesses ?? 0)) / Time.TotalSeconds;

        public double Yield => HashesPerSecond / (Environment.ProcessorCount / Hash.TotalSeconds);

        public string Describe() => Line(
            $"a hash takes {Hash.TotalMilliseconds:0} ms; {HashesPerSecond:0.0} logins hashed per second, {Yield:0.00} of the cores' ")
            + "capacity; answers " + string.Join(", ", Answers.Select(answer => $"{answer.Key}: {answer.Value}"))
            + (MemoryBefore is null ? "" : Line($"; identity service {MemoryBefore:0} MB before, {MemoryAfter:0} MB after"));
    }

    /// <summary>A session that is refreshed repeatedly.</summary>
    private sealed class SignedIn : IDisposable
    {
        private readonly HttpClient http;
        private string refreshToken = "";

        private SignedIn(Uri gateway) =>
            http = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = gateway };

        public string Token { get; private set; } = "";

        public static async Task<SignedIn> CreateAsync(Uri gateway)
        {
            var session = new SignedIn(gateway);
            var credentials = new { username = "signed-in-" + Guid.NewGuid().ToString("N")[..12], password = "a password for a benchmark" };
            using var registered = await session.http.PostAsJsonAsync("/register", credentials);
            registered.EnsureSuccessStatusCode();
            using var answer = await session.http.PostAsJsonAsync("/login", credentials);
            answer.EnsureSuccessStatusCode();
            await session.KeepAsync(answer);
            return session;
        }

        public async Task<HttpStatusCode> RefreshAsync()
        {
            using var answer = await http.PostAsJsonAsync("/refresh", new { refresh_token = refreshToken });
            if (answer.StatusCode == HttpStatusCode.OK)
            {
                await KeepAsync(answer);
            }

            return answer.StatusCode;
        }

        public void Dispose() => http.Dispose();

        private async Task KeepAsync(HttpResponseMessage answer)
        {
            var body = await answer.Content.ReadFromJsonAsync<JsonElement>();
            (Token, refreshToken) = (body.GetProperty("token").GetString()!, body.GetProperty("refresh_token").GetString()!);
        }
    }
}
