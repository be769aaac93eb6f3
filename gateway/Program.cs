using AuthMesh;
using AuthMesh.Gateway;
using AuthMesh.Gateway.Sessions;
using AuthMesh.Health;
using AuthMesh.Settings;

if (await HealthProbe.RunAsync(args) is { } exitCode)
{
    return exitCode;
}

var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
{
    Args = args,
    ContentRootPath = AppContext.BaseDirectory, // appsettings.json is found from wherever the service is started
});
builder.AddSafeResponseHeaders();
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
