using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Faults;

/// <summary>The faults, in the order of the table.</summary>
internal static class AllFaults
{
    private static readonly FaultOptions Single = new(), Doubled = new(Replicas: 2), Clocks = new(FakeTime: true);

    public static IReadOnlyList<Fault> List { get; } =
    [
        .. Services("killed (kill -9) and started again at once", "killed", service => mesh => KillAndStartAsync(service(mesh)), null),
        .. Services("stopped (SIGSTOP) for 5 s", "stopped", service => mesh => Run(() => service(mesh).Suspend()),
            service => mesh => Run(() => service(mesh).Resume())),
        .. Services("ended (SIGTERM) and started again", "ended", service => mesh => service(mesh).RestartAsync(), null),
        new("PostgreSQL stopped immediately, away for 5 s", "postgres-killed", Single, mesh => mesh.Postgres.KillAsync(),
            mesh => mesh.Postgres.StartAgainAsync()),
        new("Disk of PostgreSQL full for 10 s", "disk-full", new(SmallDisk: true), mesh => Run(mesh.Disk!.Fill), EmptyDiskAsync)
        {
            Lasts = TimeSpan.FromSeconds(10),
        },
        new("500 ms added to each answer of PostgreSQL for 5 s", "slow-database", Single,
            mesh => Run(() => mesh.BeforeDatabase.Delay = TimeSpan.FromMilliseconds(500)),
            mesh => Run(() => mesh.BeforeDatabase.Delay = TimeSpan.Zero)),
        new("50 parallel logins for 10 s, with a pool of 5 connections", "small-pool", new(PoolSize: 5), _ => Task.CompletedTask,
            _ => Task.CompletedTask)
        {
            ParallelLogins = 50, Lasts = TimeSpan.FromSeconds(10),
        },
        new("Feed, keys and exchange cut for 20 s", "feed-cut", Single, mesh => Run(mesh.BeforeIssuer.FallSilent),
            mesh => Run(mesh.BeforeIssuer.Speak))
        {
            Lasts = TimeSpan.FromSeconds(20),
        },
        new("Resource service started while keys cannot be reached (5 s)", "keys-unreachable", Single, mesh =>
            StartWithoutIssuerAsync(mesh, mesh.BeforeIssuer.Refuse), mesh => Run(mesh.BeforeIssuer.Speak)),
        new("Resource service started while keys hang (5 s)", "keys-hanging", Single, mesh =>
            StartWithoutIssuerAsync(mesh, mesh.BeforeIssuer.FallSilent), mesh => Run(mesh.BeforeIssuer.Speak)),
        .. ((int[])[4, -4, 30, -30, 360, -360]).Select(WrongClock),
        new("One of two identity services killed, one of two resource services stopped", "replicas-lost", Doubled,
            async mesh =>
            {
                mesh.Mesh.Identities[1].Kill();
                mesh.Mesh.Resources[1].Suspend();
                await mesh.Mesh.Identities[1].Exited;
            }),
        new("Identity service away for 5 minutes", "identity-away", Single with { OnStale = "Accept" },
            async mesh =>
            {
                mesh.Mesh.Identity.Kill();
                await mesh.Mesh.Identity.Exited;
            },
            mesh => mesh.Mesh.Identity.RestartAsync())
        {
            Lasts = TimeSpan.FromMinutes(5),
        },
    ];

    private static IEnumerable<Fault> Services(
        string what, string slug, Func<Func<FaultMesh, ServiceProcess>, Func<FaultMesh, Task>> breaks,
        Func<Func<FaultMesh, ServiceProcess>, Func<FaultMesh, Task>>? repairs) =>
        new (string Name, string Slug, Func<FaultMesh, ServiceProcess> Find)[]
        {
            ("Gateway", "gateway", mesh => mesh.Mesh.Gateway),
            ("Identity service", "identity", mesh => mesh.Mesh.Identity),
            ("Resource service", "resource", mesh => mesh.Mesh.Resource),
        }.Select(service => new Fault(
            $"{service.Name} {what}", $"{service.Slug}-{slug}", Single, breaks(service.Find), repairs?.Invoke(service.Find)));

    private static async Task KillAndStartAsync(ServiceProcess service)
    {
        service.Kill();
        await service.Exited;
        await service.RestartAsync();
    }

    private static async Task EmptyDiskAsync(FaultMesh mesh)
    {
        mesh.Disk!.Free();
        if (mesh.Postgres.Exited.IsCompleted)
        {
            await mesh.Postgres.StartAgainAsync(); // it gives up when it cannot write its log
        }
    }

    private static async Task StartWithoutIssuerAsync(FaultMesh mesh, Action cut)
    {
        cut();
        await KillAndStartAsync(mesh.Mesh.Resource);
    }

    private static Fault WrongClock(int seconds)
    {
        var (direction, distance) = (seconds > 0 ? "ahead" : "behind", Math.Abs(seconds));
        return new(
            $"Clocks of gateway and resource service {direction} by {distance} s", $"clock-{direction}-{distance}", Clocks,
            mesh => Run(() => mesh.Clock!.MoveBy(TimeSpan.FromSeconds(seconds))),
            mesh => Run(() => mesh.Clock!.MoveBy(TimeSpan.Zero)));
    }

    private static Task Run(Action action)
    {
        action();
        return Task.CompletedTask;
    }
}
