using System.Security.Claims;
using AuthMesh;
using AuthMesh.Access;
using AuthMesh.Health;
using AuthMesh.Resource;
using AuthMesh.Settings;
using AuthMesh.Tokens;

if ((await HealthProbe.RunAsync(args) ?? HostLimits.Refuse()) is { } exitCode)
{
    return exitCode;
}

var builder = WebApplication.CreateSlimBuilder(ServiceProgram.Options(args));
builder.AddAuthMesh();
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, ResourceJson.Default));

await using var app = builder.Build();
app.UseWebSockets();

app.MapGet("/protected", (ClaimsPrincipal user) =>
    new ProtectedResponse("success", $"You are viewing protected content, {user.Username}!", user.Role));

app.MapGet("/admin", (ClaimsPrincipal user) => new AdminResponse("success", $"Welcome to the admin panel, {user.Username}!"))
    .RequireAuthorization(Policies.Admin);

app.MapGet("/stock", (ClaimsPrincipal caller) =>
        new StockResponse("success", $"You are viewing the stock, {caller.ApplicationId}!", caller.ApplicationId!))
    .RequireApplication("stock.read");

app.MapEvents();
app.MapLive();

return await app.RunOrRefuseAsync();
