using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Servers;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;

namespace AuthMesh.Bench.Protected;

/// <summary>
/// Measures requests per second for a protected route, against proxies that do less. All answer the same bytes except for a name. All but
/// one get the same 1,000 tokens, even those that ignore them.
/// </summary>
internal static class ProtectedRates
{
    private const string Bearer = "Authorization", Cookie = "Cookie";

    public static Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, CancellationToken cancellation) =>
        TemporaryFolders.UseAsync(folder => MeasureAsync(plan, folder, cancellation));

    private static async Task<IReadOnlyList<Row>> MeasureAsync(Plan plan, string folder, CancellationToken cancellation)
    {
        await using var mesh = await Mesh.StartAsync(InProduction.Options, cancellation);
        var users = await SignedInUsers.CreateAsync(mesh.Gateway.Address, plan.IsSmoke ? 20 : 1_000);
        var tokens = await WriteAsync(folder, "tokens", users.Tokens.Select(token => "Bearer " + token));
        var cookies = await WriteAsync(folder, "cookies", users.Cookies);

        await using var unguarded = await DotNet.StartUnguardedServiceAsync(mesh.Resource.Settings, folder);
        await using var yarpBeforeUnguarded = await DotNet.StartBareProxyAsync(unguarded.Address, folder);
        await using var open = await DotNet.StartOpenServiceAsync(folder);
        await using var yarp = await DotNet.StartBareProxyAsync(open.Address, folder);
        await using var nginx = await Nginx.StartAsync(open.Address, folder);
        await using var haproxy = await HaProxy.StartAsync(mesh.Gateway.Address, users.Tokens[0], open.Address, folder);
        await using var stockService = await DotNet.StartStockServiceAsync(mesh.Identity.Address, InProduction.Issuer, folder);
        await using var stockGateway = await DotNet.StartStockGatewayAsync(
            mesh.Identity.Address, InProduction.Issuer, stockService.Address, folder);

        (string Name, int ProcessId) gateway = ("gateway", mesh.Gateway.ProcessId!.Value),
            resource = ("resource service", mesh.Resource.ProcessId!.Value);
        Contender Behind(Server proxy, Server service, bool isGuarded, bool isAnonymous = false) =>
            new(proxy.Address, isAnonymous ? null : (Bearer, tokens), isGuarded,
                [(proxy.Name, proxy.ProcessId), (service.Name, service.ProcessId)]);
        var byToken = new Contender(mesh.Gateway.Address, (Bearer, tokens), isGuarded: true, [gateway, resource]);
        var byCookie = new Contender(mesh.Gateway.Address, (Cookie, cookies), isGuarded: true, [gateway, resource]);
        var behindYarp = Behind(yarpBeforeUnguarded, unguarded, isGuarded: false, isAnonymous: true); // it would validate a token
        var behindYarpAndLittle = Behind(yarp, open, isGuarded: false);
        var behindNginx = Behind(nginx, open, isGuarded: false);
        var behindHaProxy = Behind(haproxy, open, isGuarded: true);
        var stock = Behind(stockGateway, stockService, isGuarded: true);

        await Contender.TakeTurnsAsync(
            [byToken, byCookie, behindYarp, behindYarpAndLittle, behindNginx, behindHaProxy, stock], plan, cancellation);

        const string Measure = "GET /protected, by bearer token";
        return
        [
            byToken.Against(behindYarp, Measure, "bare YARP, the same service's open route", new Reach.AtLeast(0.9)),
            byToken.Against(behindYarpAndLittle, Measure, "bare YARP, open service on the bare framework", new Reach.Shown()),
            byToken.Against(behindHaProxy, Measure, "HAProxy jwt_verify, open service on the bare framework", new Reach.AtLeast(1.5)),
            byToken.Against(behindNginx, Measure, "nginx, open service on the bare framework", new Reach.AtLeast(0.55)),
            byToken.Against(stock, Measure, "YARP and a service, each with JwtBearer", new Reach.Shown()),
            byCookie.Against(byToken, "GET /protected, by session cookie", "the same by bearer token", new Reach.AtLeast(0.9)),
        ];
    }

    private static async Task<string> WriteAsync(string folder, string name, IEnumerable<string> lines)
    {
        var file = Path.Combine(folder, name);
        await File.WriteAllLinesAsync(file, lines);
        return file;
    }
}
