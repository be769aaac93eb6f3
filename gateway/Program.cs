using AuthMesh;
using AuthMesh.Gateway;
using AuthMesh.Gateway.Sessions;
using AuthMesh.Health;
using AuthMesh.Settings;

if ((await HealthProbe.RunAsync(args, Environment.GetEnvironmentVariable("Gateway__InnerUrl")) ?? HostLimits.Refuse()) is { } exitCode)
{
    return exitCode;
}

var builder = WebApplication.CreateSlimBuilder(ServiceProgram.Options(args));
builder.AddSafeResponseHeaders();
builder.Services.AddSingleton<IStartupFilter, Upgrades>();
builder.AddAuthMesh();
builder.AddGateway();

var app = builder.Build();

app.UseForwardedHeaders();

// Written out, because what a browser's request says must be judged, and its cookie exchanged, before anybody asks who it is.
app.UseRouting();
app.UseCors();
app.UseMiddleware<CrossSite>();
app.UseMiddleware<SessionCookies>();
app.UseAuthentication();
app.UseAuthorization();
app.UseTimeouts();

return await app.RunOrRefuseAsync(gateway => gateway.MapReverseProxy(proxy =>
{
    proxy.UseBodyLimit();
    proxy.UseRetries();
    proxy.UseLoadBalancing();
}));
