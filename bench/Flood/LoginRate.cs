using System.Diagnostics;
using AuthMesh.Bench.Comparison;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Flood;

/// <summary>Measures password checks per second for 64 clients, against what the cores could hash with no other work.</summary>
internal static class LoginRate
{
    private const int Clients = 64, ClientsForSmoke = 8;
    private static readonly TimeSpan RampUp = TimeSpan.FromSeconds(3); // by then, every client has had an answer

    public static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation)
    {
        var hashesPerCore = plan.IsSmoke ? 1 : 8;
        await using var mesh = await Mesh.StartAsync(new MeshOptions(), cancellation);
        var (ratios, rates, hashes) = (new List<double>(), new List<double>(), new List<double>());
        for (var round = 0; round < plan.Rounds; round++)
        {
            var hashBefore = await HashSpeed.MeasureAsync(hashesPerCore);
            var perSecond = await FloodAsync(mesh.Gateway.Address, plan, cancellation);
            var hash = (hashBefore + await HashSpeed.MeasureAsync(hashesPerCore)) / 2; // other programs may use the machine too
            rates.Add(perSecond);
            hashes.Add(hash.TotalMilliseconds);
            ratios.Add(perSecond * hash.TotalSeconds / Environment.ProcessorCount);
        }

        return
        [
            new Row("POST /login, 64 clients", "cores divided by the time of one hash", ratios, Targets.Login)
            {
                Figures = FormattableString.Invariant(
                    $"{Row.Median(rates):0.0}/s | a hash of cost {HashSpeed.Cost} takes {Row.Median(hashes):0} ms with every core at it"),
            },
        ];
    }

    private static async Task<double> FloodAsync(Uri gateway, Plan plan, CancellationToken cancellation)
    {
        using var flood = new LoginFlood(gateway);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var flooding = flood.RunAsync(plan.IsSmoke ? ClientsForSmoke : Clients, end.Token);
        await Task.Delay(plan.IsSmoke ? TimeSpan.Zero : RampUp, cancellation);
        flood.TakeAnswers();
        var start = Stopwatch.GetTimestamp();
        await Task.Delay(plan.Turn * 2 + TimeSpan.FromSeconds(1), cancellation); // a hash takes a third of a second
        var perSecond = LoginFlood.Hashed(flood.TakeAnswers()) / Stopwatch.GetElapsedTime(start).TotalSeconds;
        await end.CancelAsync();
        await flooding;
        return perSecond > 0 ? perSecond : throw new InvalidOperationException("No login was answered.");
    }
}
