using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Protected;

/// <summary>
/// Measures how long a protected route takes for one caller who waits for each answer, against a bare YARP. Throughput does not show this
/// time: under load, a wait of one request is work for another.
/// </summary>
internal static class LoneCaller
{
    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        TemporaryFolders.UseAsync(folder => MeasureAsync(plan, folder, cancellation));

    private static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, string folder, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(
            InProduction.Options with { Http2Inside = false, GatewaySettings = Unthrottled.Gateway }, cancellation);
        var users = await SignedInUsers.CreateAsync(mesh.Gateway.Address, plan.IsSmoke ? 20 : 1_000);
        var tokens = Path.Combine(folder, "tokens");
        await File.WriteAllLinesAsync(tokens, users.Tokens.Select(token => "Bearer " + token), cancellation);
        await using var open = await DotNet.StartUnguardedServiceAsync(mesh.Resource.Settings, folder);
        await using var yarp = await DotNet.StartBareProxyAsync(open.Address, folder);

        var guarded = new Contender(
            mesh.Gateway.Address, ("Authorization", tokens), isGuarded: true,
            [("gateway", mesh.Gateway.ProcessId!.Value), ("resource service", mesh.Resource.ProcessId!.Value)])
        { Connections = 1 };
        var bare = new Contender(
            yarp.Address, credentials: null, isGuarded: false, [(yarp.Name, yarp.ProcessId), (open.Name, open.ProcessId)])
        { Connections = 1 };
        await Contender.TakeTurnsAsync([guarded, bare], plan, cancellation);
        return
        [
            guarded.DelayAgainst(
                bare, "GET /protected for a lone caller (p50)", "bare YARP, the same service's open route", Targets.LoneCaller),
        ];
    }
}
