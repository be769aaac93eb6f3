using AuthMesh.Bench.Comparison;
using AuthMesh.Bench.Keys;
using AuthMesh.Bench.Servers;
using AuthMesh.Bench.Sessions;
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
        var masterKey = Rotatable.NewMasterKey();
        var settings = new Dictionary<string, string>(InProduction.Options.IdentitySettings)
        {
            ["Identity:MasterKey"] = Convert.ToBase64String(masterKey),
        };
        await using var mesh = await Mesh.StartAsync(
            InProduction.Options with { IdentitySettings = settings, GatewaySettings = Unthrottled.Gateway }, cancellation);
        await using var http1Gateway = await StartHttp1GatewayAsync(mesh, cancellation);
        var users = await SignedInUsers.CreateAsync(mesh.Gateway.Address, plan.IsSmoke ? 20 : 1_000);
        var tokens = await WriteAsync(folder, "tokens", users.Tokens.Select(token => "Bearer " + token));
        var cookies = await WriteAsync(folder, "cookies", users.Cookies);
        var keys = await WriteAsync(folder, "keys", (await users.CreateKeysAsync(mesh.Gateway.Address)).Select(key => "Bearer " + key));

        await using var unguarded = await DotNet.StartUnguardedServiceAsync(mesh.Resource.Settings, folder);
        await using var yarpBeforeUnguarded = await DotNet.StartBareProxyAsync(unguarded.Address, folder);
        await using var quiet = await DotNet.StartUnguardedServiceAsync(mesh.Resource.Settings, folder, DotNet.WithoutActivities);
        await using var yarpBeforeQuiet = await DotNet.StartBareProxyAsync(quiet.Address, folder, null, DotNet.WithoutActivities);
        await using var http2 = await DotNet.StartUnguardedServiceAsync(mesh.Resource.Settings, folder, DotNet.OnlyHttp2);
        await using var yarpBeforeHttp2 = await DotNet.StartBareProxyAsync(http2.Address, folder, null, DotNet.ToHttp2);
        await using var open = await DotNet.StartOpenServiceAsync(folder);
        await using var yarp = await DotNet.StartBareProxyAsync(open.Address, folder);
        await using var nginx = await Nginx.StartAsync(open.Address, folder);
        await using var haproxy = await HaProxy.StartAsync(mesh.Gateway.Address, users.Tokens[0], open.Address, folder);
        await using var remembering = await RememberingHaProxy.StartAsync(
            mesh.Gateway.Address, users.Tokens[0], InProduction.Issuer, open.Address,
            Directory.CreateDirectory(Path.Combine(folder, "remembering")).FullName);
        using (var ring = await MeshKeys.OpenAsync(mesh.ConnectionString, masterKey, cancellation))
        {
            await RememberingProof.CheckAsync(remembering, ring, users.Tokens[0], users.Tokens[1]);
        }

        await using var stockService = await DotNet.StartStockServiceAsync(mesh.Identity.Address, InProduction.Issuer, folder);
        await using var stockGateway = await DotNet.StartStockGatewayAsync(
            mesh.Identity.Address, InProduction.Issuer, stockService.Address, folder);

        (string Name, int ProcessId) gateway = ("gateway", http1Gateway.ProcessId!.Value),
            http2Gateway = ("gateway", mesh.Gateway.ProcessId!.Value),
            resource = ("resource service", mesh.Resource.ProcessId!.Value);
        Contender Behind(Server proxy, Server service, bool isGuarded, bool isAnonymous = false) =>
            new(proxy.Address, isAnonymous ? null : (Bearer, tokens), isGuarded,
                [(proxy.Name, proxy.ProcessId), (service.Name, service.ProcessId)]);
        var byToken = new Contender(http1Gateway.Address, (Bearer, tokens), isGuarded: true, [gateway, resource]);
        var overHttp2 = new Contender(mesh.Gateway.Address, (Bearer, tokens), isGuarded: true, [http2Gateway, resource]);
        var byCookie = new Contender(http1Gateway.Address, (Cookie, cookies), isGuarded: true, [gateway, resource]);
        var byKey = new Contender(http1Gateway.Address, (Bearer, keys), isGuarded: true, [gateway, resource]);
        var behindYarp = Behind(yarpBeforeUnguarded, unguarded, isGuarded: false, isAnonymous: true); // it would validate a token
        var behindYarpWithoutActivities = Behind(yarpBeforeQuiet, quiet, isGuarded: false, isAnonymous: true);
        var behindYarpOverHttp2 = Behind(yarpBeforeHttp2, http2, isGuarded: false, isAnonymous: true);
        var behindYarpAndLittle = Behind(yarp, open, isGuarded: false);
        var behindNginx = Behind(nginx, open, isGuarded: false);
        var behindHaProxy = Behind(haproxy, open, isGuarded: true);
        var behindRemembering = Behind(remembering.Server, open, isGuarded: true);
        var stock = Behind(stockGateway, stockService, isGuarded: true);

        await Contender.TakeTurnsAsync(
            [
                byToken, overHttp2, byCookie, byKey, behindYarp, behindYarpWithoutActivities, behindYarpOverHttp2,
                behindYarpAndLittle, behindRemembering, behindHaProxy, behindNginx, stock,
            ],
            plan, cancellation);

        const string Measure = "GET /protected, by bearer token", OverHttp2 = Measure + ", HTTP/2 inside";
        const string Bare = "bare YARP, the same service's open route", BareOverHttp2 = "the same YARP and service, HTTP/2 between them";
        const string Remembering = "HAProxy that remembers verified tokens, open service on the bare framework";
        const string Verifying = "HAProxy jwt_verify, open service on the bare framework";
        const string Plain = "nginx, open service on the bare framework";
        return
        [
            byToken.Against(behindYarp, Measure, Bare, Targets.AgainstBareYarp),
            byToken.Against(behindYarpWithoutActivities, Measure, "the same YARP and service without Activities", Targets.None),
            byToken.Against(behindYarpOverHttp2, Measure, BareOverHttp2, Targets.None),
            byToken.Against(behindYarpAndLittle, Measure, "bare YARP, open service on the bare framework", Targets.None),
            byToken.Against(behindRemembering, Measure, Remembering, Targets.AgainstRememberingHaProxy),
            byToken.Against(behindHaProxy, Measure, Verifying, Targets.AgainstVerifyingHaProxy),
            byToken.Against(behindNginx, Measure, Plain, Targets.AgainstNginx),
            byToken.Against(stock, Measure, "YARP and a service, each with JwtBearer", Targets.None),
            byCookie.Against(byToken, "GET /protected, by session cookie", "the same by bearer token", Targets.ByCookie),
            byKey.Against(byToken, "GET /protected, by key", "the same by bearer token", Targets.ByKey),
            overHttp2.Against(behindYarp, OverHttp2, Bare, Targets.OverHttp2.AgainstBareYarp),
            overHttp2.Against(behindYarpOverHttp2, OverHttp2, BareOverHttp2, Targets.None),
            overHttp2.Against(behindRemembering, OverHttp2, Remembering, Targets.OverHttp2.AgainstRememberingHaProxy),
            overHttp2.Against(behindHaProxy, OverHttp2, Verifying, Targets.OverHttp2.AgainstVerifyingHaProxy),
            overHttp2.Against(behindNginx, OverHttp2, Plain, Targets.OverHttp2.AgainstNginx),
        ];
    }

    /// <summary>A gateway that speaks HTTP/1.1 with the services of a mesh, whose own gateway speaks HTTP/2 with them.</summary>
    private static async Task<ServiceProcess> StartHttp1GatewayAsync(Mesh mesh, CancellationToken cancellation)
    {
        var settings = mesh.Gateway.Settings.Where(setting => !setting.Key.Contains(":HttpRequest:", StringComparison.Ordinal))
            .ToDictionary(setting => setting.Key, setting => setting.Value);
        settings["ReverseProxy:Clusters:identity:Destinations:one:Address"] = mesh.Identity.Address.AbsoluteUri;
        settings["ReverseProxy:Clusters:resource:Destinations:one:Address"] = mesh.Resource.Address.AbsoluteUri;
        var gateway = await ServiceProcess.StartAsync("gateway", settings, mesh.Gateway.Environment);
        await gateway.WaitUntilReadyAsync(cancellation: cancellation);
        return gateway;
    }

    private static async Task<string> WriteAsync(string folder, string name, IEnumerable<string> lines)
    {
        var file = Path.Combine(folder, name);
        await File.WriteAllLinesAsync(file, lines);
        return file;
    }
}
