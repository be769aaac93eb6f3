using System.Collections.Concurrent;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Faults;

/// <summary>A deployment: each replica of each service stops and starts again, one after the other, while clients work.</summary>
public sealed class RollingRestartTests(ProductionMesh production)
{
    private const int Replicas = 2, Clients = 6, Kinds = 5;

    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(10); // between two requests of a client
    private static readonly TimeSpan Probing = TimeSpan.FromMilliseconds(100); // a second by default, as the grace is five

    [Fact]
    public async Task A_rolling_restart_of_everything_fails_no_request()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        await using var mesh = await StartAsync(own);
        using var door = new LoadBalancer(mesh.Gateways);
        using var working = new CancellationTokenSource();
        var clients = await Together.RunAsync(Clients, async _ => new Client(door, await SignUpAsync(mesh)));
        var work = clients.Select(client => client.WorkAsync(working.Token)).ToList();

        for (var replica = 0; replica < Replicas; replica++)
        {
            await Task.WhenAll(new[] { mesh.Identities, mesh.Resources, mesh.Gateways }.Select(async service =>
            {
                await service[replica].RestartAsync();
                await service[replica].WaitUntilReadyAsync();
            }));
            await door.UntilAllAreReadyAsync();
        }

        await working.CancelAsync();
        await Task.WhenAll(work);

        Assert.Empty(clients.SelectMany(client => client.Failures));
        Assert.All(clients, client => Assert.Equal(Kinds, client.Successes.Count)); // each kind of request, even on busy cores
        Assert.All(mesh.Services, service => Assert.Equal(2, Count(service.Output, "Application started")));
        TestContext.Current.SendDiagnosticMessage(
            $"A rolling restart: {clients.Sum(client => client.Successes.Values.Sum())} requests, 0 failed");
    }

    private static Task<Mesh> StartAsync(OwnDatabase own)
    {
        var options = InProduction.On(own.Database.ConnectionString, own.Settings);
        return Mesh.StartAsync(
            options with
            {
                Start = WithinThisProcess.StartAsync,
                IdentityReplicas = Replicas,
                ResourceReplicas = Replicas,
                GatewayReplicas = Replicas,
                Settings = new Dictionary<string, string>(options.Settings) { ["AuthMesh:ShutdownGrace"] = "00:00:01" },
                GatewaySettings = new Dictionary<string, string>
                {
                    ["ReverseProxy:Clusters:identity:HealthCheck:Active:Interval"] = $"{Probing}",
                    ["ReverseProxy:Clusters:resource:HealthCheck:Active:Interval"] = $"{Probing}",
                },
            },
            TestContext.Current.CancellationToken);
    }

    private static async Task<SignedIn> SignUpAsync(Mesh mesh)
    {
        using var gateway = new Caller(mesh.Gateway);
        return await gateway.SignUpAsync();
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    /// <summary>
    /// Sends requests to the gateways in turn, as a load balancer in front of them does: only to those that said at their last probe that
    /// they are ready. Its retry rule: a request whose connection could not be opened goes to another gateway. Otherwise no request is sent
    /// twice.
    /// </summary>
    private sealed class LoadBalancer : IDisposable
    {
        private readonly Door[] doors;
        private readonly CancellationTokenSource closed = new();
        private int next;

        public LoadBalancer(IReadOnlyList<ServiceProcess> gateways)
        {
            doors = [.. gateways.Select(gateway => new Door(gateway.Address))];
            foreach (var door in doors)
            {
                _ = ProbeAsync(door);
            }
        }

        public Task UntilAllAreReadyAsync() => Patience.UntilAsync(() => doors.All(door => door.IsReady));

        public async Task<Answer> SendAsync(Func<Caller, Task<Answer>> send)
        {
            List<Door> ready = [.. doors.Where(door => door.IsReady)];
            Assert.NotEmpty(ready);
            var first = (int)((uint)Interlocked.Increment(ref next) % ready.Count);
            for (var attempt = 0; ; attempt++)
            {
                try
                {
                    return await send(ready[(first + attempt) % ready.Count].Caller);
                }
                catch (HttpRequestException exception)
                    when (exception.HttpRequestError == HttpRequestError.ConnectionError && attempt < ready.Count - 1)
                {
                    // the connection could not be opened
                }
            }
        }

        public void Dispose()
        {
            closed.Cancel();
            Array.ForEach(doors, door => door.Caller.Dispose());
            closed.Dispose();
        }

        private async Task ProbeAsync(Door door)
        {
            using var timer = new PeriodicTimer(Probing);
            do
            {
                try
                {
                    door.IsReady = (await door.Caller.GetAsync("/health/ready")).Status == 200;
                }
                catch (Exception exception)
                    when (exception is HttpRequestException or OperationCanceledException or ObjectDisposedException)
                {
                    door.IsReady = false;
                }
            }
            while (await timer.WaitForNextTickAsync(closed.Token));
        }

        private sealed class Door(Uri address)
        {
            public Caller Caller { get; } = new(address);

            public volatile bool IsReady = true;
        }
    }

    /// <summary>A client with a session of its own, which it uses in every way.</summary>
    private sealed class Client(LoadBalancer door, SignedIn user)
    {
        private string refreshToken = user.RefreshToken;

        public ConcurrentQueue<string> Failures { get; } = new();

        public ConcurrentDictionary<string, int> Successes { get; } = new();

        public async Task WorkAsync(CancellationToken stop)
        {
            using var pace = new PeriodicTimer(Pace);
            (string Kind, Func<Caller, Task<Answer>> Send)[] requests =
            [
                ("GET /protected", gateway => gateway.GetAsync("/protected", user.Token)),
                ("GET /protected by cookie", gateway => gateway.SendAsync(
                    HttpMethod.Get, "/protected", change: request => request.Headers.Add("Cookie", $"__Host-authmesh={user.Cookie}"))),
                ("GET /account", gateway => gateway.GetAsync("/account", user.Token)),
                ("POST /login", gateway => gateway.LoginAsync(user.Username, user.Password)),
                ("POST /refresh", RefreshAsync),
            ];
            for (var i = 0; !stop.IsCancellationRequested; i++)
            {
                await CountAsync(requests[i % requests.Length].Kind, requests[i % requests.Length].Send);
                await pace.WaitForNextTickAsync(CancellationToken.None);
            }
        }

        private async Task<Answer> RefreshAsync(Caller gateway)
        {
            var answer = await gateway.RefreshAsync(refreshToken);
            refreshToken = answer.Status == 200 ? answer.RefreshToken() : refreshToken;
            return answer;
        }

        private async Task CountAsync(string kind, Func<Caller, Task<Answer>> send)
        {
            try
            {
                var answer = await door.SendAsync(send);
                if (answer.Status == 200)
                {
                    Successes.AddOrUpdate(kind, 1, (_, count) => count + 1);
                    return;
                }

                Failures.Enqueue($"{kind}: {answer}");
            }
            catch (HttpRequestException exception)
            {
                Failures.Enqueue($"{kind}: {exception.HttpRequestError} {exception.Message}");
            }
        }
    }
}
