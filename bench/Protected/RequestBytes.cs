using System.Net;
using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Protected;

/// <summary>
/// Measures the bytes that gateway and resource service allocate for a protected route, beside those of a bare YARP and of an open route of
/// the same service. Bytes hardly spread, so a ratio shows what each step of a request costs even on a busy machine.
/// </summary>
internal static class RequestBytes
{
    private const int Calls = 20_000, CallsForSmoke = 1_000; // in a turn

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        TemporaryFolders.UseAsync(folder => MeasureAsync(plan, folder, cancellation));

    private static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, string folder, CancellationToken cancellation)
    {
        var options = InProduction.Options with
        {
            Settings = AllocatedBytes.With(InProduction.Options.Settings),
            GatewaySettings = Unthrottled.Gateway,
            Http2Inside = false,
        };
        await using var mesh = await Mesh.StartAsync(options, cancellation);
        var tokens = (await SignedInUsers.CreateAsync(mesh.Gateway.Address, plan.IsSmoke ? 20 : 1_000)).Tokens;
        await using var open = await DotNet.StartUnguardedServiceAsync(mesh.Resource.Settings, folder);
        await using var proxy = await DotNet.StartBareProxyAsync(open.Address, folder, AllocatedBytes.Settings);

        using var gateway = new Caller(mesh.Gateway.Address);
        using var bareYarp = new Caller(proxy.Address);
        Task<IReadOnlyList<double>> OfGuardedAsync() => PerCallAsync(
            [mesh.Gateway.ProcessId!.Value, mesh.Resource.ProcessId!.Value], gateway, call => tokens[call % tokens.Count]);
        Task<IReadOnlyList<double>> OfOpenAsync() => PerCallAsync([proxy.ProcessId, open.ProcessId], bareYarp, _ => null);

        var (guarded, unguarded) = (new List<IReadOnlyList<double>>(), new List<IReadOnlyList<double>>());
        for (var round = -1; round < plan.Rounds; round++) // the round below 0 warms up
        {
            var (ours, theirs) = (await OfGuardedAsync(), await OfOpenAsync());
            if (round >= 0)
            {
                guarded.Add(ours);
                unguarded.Add(theirs);
            }
        }

        return [Of(0, "gateway", "bare YARP in front of the open route"), Of(1, "resource service", "the same service's open route")];

        Row Of(int hop, string service, string peer) => new(
            $"bytes allocated per guarded request, {service}", $"{Targets.BytesPerRequest}",
            [.. guarded.Select(round => round[hop] / Targets.BytesPerRequest.Value)], Targets.BytesPerRequest.Reach)
        {
            Figures = FormattableString.Invariant($"{Median(guarded, hop):N0} bytes; {peer} {Median(unguarded, hop):N0} bytes"),
        };

        Task<IReadOnlyList<double>> PerCallAsync(int[] processes, Caller caller, Func<int, string?> token) => AllocatedBytes.PerCallAsync(
            processes, plan.IsSmoke ? CallsForSmoke : Calls, async (call, _) =>
            {
                var status = await caller.SendAsync(HttpMethod.Get, "/protected", token(call));
                if (status != HttpStatusCode.OK)
                {
                    throw new InvalidOperationException($"GET /protected is answered {(int)status}.");
                }
            });
    }

    private static double Median(List<IReadOnlyList<double>> rounds, int hop) => Row.Median(rounds.Select(round => round[hop]));
}
