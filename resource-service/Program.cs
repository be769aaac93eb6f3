using AuthMesh;
using AuthMesh.Health;
using AuthMesh.Resource;
using AuthMesh.Settings;

if ((await HealthProbe.RunAsync(args) ?? HostLimits.Refuse()) is { } exitCode)
{
    return exitCode;
}

var builder = WebApplication.CreateSlimBuilder(ServiceProgram.Options(args));
builder.AddAuthMesh();
builder.Services.ConfigureHttpJsonOptions(json => json.SerializerOptions.TypeInfoResolverChain.Insert(0, ResourceJson.Default));

await using var app = builder.Build();
app.UseWebSockets();

app.MapExamples();

return await app.RunOrRefuseAsync();
