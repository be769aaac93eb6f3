using AuthMesh;
using AuthMesh.Gateway;
using AuthMesh.Gateway.Concurrency;
using AuthMesh.Gateway.Connections;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Gateway.Resources;
using AuthMesh.Gateway.Sessions;
using AuthMesh.Gateway.Streams;
using AuthMesh.Health;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Cors.Infrastructure;

if ((await HealthProbe.RunAsync(args, Environment.GetEnvironmentVariable("Gateway__InnerUrl")) ?? HostLimits.Refuse()) is { } exitCode)
{
    return exitCode;
}

var builder = WebApplication.CreateSlimBuilder(ServiceProgram.Options(args));
builder.AddTraceContext();
builder.AddSafeResponseHeaders();
builder.AddAllowedHosts();
builder.AddPlainPort();
builder.Services.AddSingleton<IStartupFilter, Upgrades>();
builder.AddAuthMesh();
builder.AddGateway();

await using var app = builder.Build();

app.UseTrustedProxies();

// The order is explicit: the cross-site check and the exchange of keys and session cookies must come before authentication. A preflight is
// answered before anything counts, and a handshake is marked before anything refuses it.
app.UseRouting();
app.UseMiddleware<LeadToPages>();
// Only for routes with a policy: the middleware allocates a table for every other request.
app.UseWhen(
    static context => context.GetEndpoint()?.Metadata.GetMetadata<ICorsMetadata>() is not null, static cors => cors.UseCors());
app.UseMiddleware<ResourceChallenges>();
app.UseMiddleware<MisplacedKeys>();
app.UseMiddleware<StreamRequests>();
app.UseRateLimits();
app.UseMiddleware<CrossSite>();
app.UseCookieOnlyRoutes();
app.UseMiddleware<ExchangeKeys>();
app.UseMiddleware<SessionCookies>();
app.UseGuard();
app.UseMiddleware<DirectForward>();
app.UseTimeouts();

return await app.RunOrRefuseAsync(gateway =>
{
    ResourceMetadata.Map(gateway);
    RouteDemands.Add(gateway.MapReverseProxy(proxy =>
    {
        proxy.UseBodyLimit();
        proxy.UseMiddleware<ForwardStreams>();
        proxy.UseRetries();
        proxy.UseAffinity();
        proxy.UseMiddleware<DestinationsWithRoom>();
        proxy.UseLoadBalancing();
        proxy.UseMiddleware<ForwardInPlace>();
    }));
});
