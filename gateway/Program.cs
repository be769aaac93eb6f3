using AuthMesh;
using AuthMesh.Gateway;
using AuthMesh.Health;
using AuthMesh.Settings;

if (await HealthProbe.RunAsync(args) is { } exitCode)
{
    return exitCode;
}

var builder = WebApplication.CreateSlimBuilder(args);
builder.AddSafeResponseHeaders();
builder.AddAuthMesh();
builder.AddGateway();

var app = builder.Build();

app.UseRequestTimeouts();

return await app.RunOrRefuseAsync(gateway => gateway.MapReverseProxy(proxy =>
{
    proxy.UseBodyLimit();
    proxy.UseLoadBalancing();
}));
