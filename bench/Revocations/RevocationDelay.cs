using System.CommandLine;
using System.Diagnostics;
using System.Net;
using AuthMesh.Bench.Comparison;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Revocations;

/// <summary>
/// Measures how long after the 200 of a revocation any replica still accepts the session. During the revocation, a watcher repeatedly calls
/// every replica with the session's token, and the gateways with its cookie too. For a key, these are the token that the gateway would get
/// for it, and the key itself. An application in its own name opens nothing at the identity service. The figure ends with the last
/// accepted request, so it includes that request's own time.
/// </summary>
internal static class RevocationDelay
{
    private const int Revocations = 1_000;
    private const string DeletionOfKey = "deletion of a key", EndOfApplication = "end of an application",
        EndOfService = "end of a service", Withdrawal = "withdrawal by the user";
    private const string ServiceKey = "the-service-key-of-a-mesh-for-a-benchmark";

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(2); // between two requests to one replica
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static readonly (string Name, Func<Caller, SignIn, Task<HttpStatusCode>> RunAsync)[] Kinds =
    [
        ("logout by bearer token", (gateway, victim) => gateway.SendAsync(HttpMethod.Post, "/logout", victim.Token)),
        ("logout by refresh token",
            (gateway, victim) => gateway.SendAsync(HttpMethod.Post, "/logout", null, new { refresh_token = victim.RefreshToken })),
        ("logout by cookie", (gateway, victim) => gateway.SendAsync(HttpMethod.Post, "/logout", null, null, victim.Cookie)),
        ("end of another session",
            (gateway, victim) => gateway.SendAsync(HttpMethod.Delete, $"/account/sessions/{victim.SessionId}", victim.OtherToken)),
        ("change of the password", (gateway, victim) => gateway.SendAsync(
            HttpMethod.Post, "/account/password", victim.OtherToken,
            new { current_password = victim.Password, new_password = victim.Password + " anew" })),
        (DeletionOfKey,
            (gateway, victim) => gateway.SendAsync(HttpMethod.Delete, $"/account/keys/{victim.SessionId}", victim.OtherToken)),
        (EndOfApplication, DisableAsync),
        (EndOfService, DisableAsync),
        (Withdrawal,
            (gateway, victim) => gateway.SendAsync(HttpMethod.Delete, $"/account/applications/{victim.ApplicationId}", victim.OtherToken)),
    ];

    private static Task<HttpStatusCode> DisableAsync(Caller gateway, SignIn victim) =>
        gateway.SendAsync(HttpMethod.Patch, $"/applications/{victim.ApplicationId}", victim.AdminToken, new { disabled = true });

    public static Command Define()
    {
        var count = new Option<int>("--count") { Description = "Number of sessions to revoke", DefaultValueFactory = _ => Revocations };
        var kind = new Option<string?>("--kind") { Description = "One kind of revocation instead of all in turn" };
        kind.AcceptOnlyFromAmong([.. Kinds.Select(known => known.Name)]);
        var command = new Command(
            "revocation", "Measures the time from a revocation's answer to the last acceptance, over 2 replicas of each service")
        {
            count, kind,
        };
        command.SetAction((parsed, cancellation) => RunAsync(parsed.GetValue(count), parsed.GetValue(kind), cancellation));
        return command;
    }

    public static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        var worst = await RevokeAsync(plan.IsSmoke ? Kinds.Length : Revocations, Kinds, cancellation);
        var delays = worst.Select(last => last.Delay).Order().ToList();
        var p99 = Percentile(delays, 0.99).TotalMilliseconds;
        return
        [
            // One round: a p99 of fewer revocations would be that of a handful.
            new Row(
                "from a revocation's answer to the last acceptance by any of 6 replicas (p99)", $"{Targets.Revocation}",
                [p99 / Targets.Revocation.Value], Targets.Revocation.Reach)
            {
                Figures = FormattableString.Invariant($"p50 {Percentile(delays, 0.5).TotalMilliseconds:0.0} ms, p99 {p99:0.0} ms, ")
                    + FormattableString.Invariant($"longest {delays[^1].TotalMilliseconds:0.0} ms, {delays.Count:N0} revocations"),
            },
        ];
    }

    private static async Task<int> RunAsync(int count, string? only, CancellationToken cancellation)
    {
        var kinds = Kinds.Where(kind => only is null || kind.Name == only).ToArray();
        var worst = await RevokeAsync(count, kinds, cancellation);
        Console.WriteLine(
            $"{count} revocations, 2 replicas each of gateway, resource service and identity service; milliseconds from the answer to the");
        Console.WriteLine("last acceptance by any replica (0: none was accepted after the answer)");
        Console.WriteLine();
        Console.WriteLine($"{"",-26}{"count",8}{"p50",8}{"p90",8}{"p99",8}{"max",8}");
        foreach (var kind in kinds.Select(kind => kind.Name))
        {
            Print(kind, [.. worst.Where(row => row.Kind == kind).Select(row => row.Delay)]);
        }

        Print("all", [.. worst.Select(row => row.Delay)]);
        Console.WriteLine();
        Console.WriteLine(
            "the last replica to refuse: " + string.Join(", ", worst.GroupBy(row => row.Replica).OrderByDescending(group => group.Count())
            .Select(group => $"{group.Key} {group.Count()}")));
        return 0;
    }

    /// <returns>For each revocation, the longest delay at any replica.</returns>
    private static async Task<IReadOnlyList<(string Kind, TimeSpan Delay, string Replica)>> RevokeAsync(
        int count, (string Name, Func<Caller, SignIn, Task<HttpStatusCode>> RunAsync)[] kinds, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions
            {
                IdentityReplicas = 2,
                ResourceReplicas = 2,
                GatewayReplicas = 2,
                DemoUsers = true,
                Settings = new Dictionary<string, string> { ["AuthMesh:ServiceKey"] = ServiceKey },
                IdentitySettings = new Dictionary<string, string>(Unthrottled.Settings) { ["Identity:Hashing:WorkFactor"] = "4" },
            },
            cancellation);
        using var applications = new ApplicationVictims(mesh.Gateway.Address, mesh.Identity);
        var gateways = mesh.Gateways.Select(service => new Caller(service.Address)).ToList();
        var replicas = gateways.Select((caller, i) => new Replica($"gateway {i}", caller, null, IsExchanged: false))
            .Concat(gateways.Select((caller, i) => new Replica($"gateway {i}, by cookie or key", caller, null, IsExchanged: true)))
            .Concat(
                mesh.Resources.Select(
                    (service, i) => new Replica($"resource {i}", new Caller(service.Address), null, IsExchanged: false)))
            .Concat(
                mesh.Identities.Select(
                    (service, i) => new Replica($"identity {i}", new Caller(service.Address), "/account", IsExchanged: false)))
            .ToList();

        var worst = new List<(string Kind, TimeSpan Delay, string Replica)>();
        for (var i = 0; i < count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            var gateway = gateways[i % gateways.Count];
            var kind = kinds[i % kinds.Length];
            var victim = await SignIn.CreateAsync(gateway);
            victim = kind.Name switch
            {
                DeletionOfKey => await victim.WithKeyAsync(gateway, mesh.Identity, ServiceKey),
                EndOfApplication or Withdrawal => await applications.SignInAsync(victim),
                EndOfService => await applications.StartServiceAsync(victim),
                _ => victim,
            };
            var watched = replicas.Where(replica => replica.Takes(victim)).ToList();
            var answered = new TaskCompletionSource<long>();
            var accepted = watched.Select(_ => new TaskCompletionSource()).ToList();
            var watches = watched.Zip(accepted, (replica, first) => WatchAsync(replica, victim, first, answered.Task)).ToList();
            await Task.WhenAny(Task.WhenAll(accepted.Select(first => first.Task)), Task.WhenAll(watches)); // or a watch has failed
            var status = await kind.RunAsync(gateway, victim);
            answered.SetResult(Stopwatch.GetTimestamp());
            if (status != HttpStatusCode.OK)
            {
                throw new InvalidOperationException($"{kind.Name} was answered {(int)status}.");
            }

            var delays = await Task.WhenAll(watches);
            var last = delays.Zip(watched).MaxBy(pair => pair.First);
            worst.Add((kind.Name, last.First, last.Second.Name));
            if (victim.ApplicationId is { } application)
            {
                await gateway.SendAsync(HttpMethod.Delete, $"/applications/{application}", victim.AdminToken); // there may be 1,000 at most
            }
        }

        replicas.ForEach(replica => replica.Caller.Dispose());
        return worst;
    }

    /// <returns>The time from the answer to the end of the last accepted request; zero if none was accepted after it.</returns>
    private static async Task<TimeSpan> WatchAsync(Replica replica, SignIn victim, TaskCompletionSource accepted, Task<long> answered)
    {
        var lastAccepted = 0L;
        var deadline = Stopwatch.StartNew();
        while (deadline.Elapsed < Patience)
        {
            var isAfter = answered.IsCompleted;
            var status = !replica.IsExchanged ? await replica.Caller.SendAsync(HttpMethod.Get, replica.PathFor(victim), victim.Token)
                : victim.Key is null ? await replica.Caller.SendAsync(HttpMethod.Get, replica.PathFor(victim), null, null, victim.Cookie)
                : await replica.Caller.SendAsync(HttpMethod.Get, replica.PathFor(victim), victim.Key);
            if (status == HttpStatusCode.OK)
            {
                lastAccepted = Stopwatch.GetTimestamp();
                accepted.TrySetResult();
            }
            else if (status != HttpStatusCode.Unauthorized || !accepted.Task.IsCompleted)
            {
                throw new InvalidOperationException($"{replica.Name} answered {(int)status}.");
            }
            else if (isAfter)
            {
                var delay = Stopwatch.GetElapsedTime(await answered, lastAccepted);
                return delay > TimeSpan.Zero ? delay : TimeSpan.Zero;
            }

            await Task.Delay(Pause);
        }

        throw new InvalidOperationException($"{replica.Name} still accepts the revoked session after {Patience.TotalSeconds:0} s.");
    }

    private static TimeSpan Percentile(List<TimeSpan> sorted, double share) =>
        sorted[Math.Min(sorted.Count - 1, (int)Math.Ceiling(share * sorted.Count) - 1)];

    private static void Print(string name, List<TimeSpan> delays)
    {
        delays.Sort();
        string At(double share) => $"{Percentile(delays, share).TotalMilliseconds:0.0}";
        Console.WriteLine($"{name,-26}{delays.Count,8}{At(0.5),8}{At(0.9),8}{At(0.99),8}{At(1),8}");
    }

    /// <param name="Path">What the replica is asked for, or null for what the victim opens.</param>
    private sealed record Replica(string Name, Caller Caller, string? Path, bool IsExchanged)
    {
        public string PathFor(SignIn victim) => Path ?? victim.Path;

        /// <summary>An application has no cookie, and one in its own name opens nothing at the identity service.</summary>
        public bool Takes(SignIn victim) =>
            IsExchanged ? victim.Key is not null || victim.Cookie.Length > 0 : Path is null || victim.Path == "/protected";
    }
}
