using AuthMesh;
using AuthMesh.Errors;
using AuthMesh.Health;
using AuthMesh.Identity;
using AuthMesh.Identity.Operator;
using AuthMesh.Identity.Platform;
using AuthMesh.Settings;

if ((await HealthProbe.RunAsync(args) ?? HostLimits.Refuse()) is { } exitCode)
{
    return exitCode;
}

var command = Command.Find(args);
var builder = WebApplication.CreateSlimBuilder(ServiceProgram.Options(command?.Settings ?? args));
// The gateway lets 16 KB through: the largest useful body holds a name and two passwords of 256 four-byte characters, escaped. This is
// twice as much, since the framing of chunks counts too.
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 32 * 1024);
builder.AddAuthMeshDefaults();
builder.Services
    .AddIdentitySettings()
    .AddModules()
    .AddStrictJson(IdentityJson.Default);

var app = builder.Build();

app.UsePreparedGate();
app.MapModules();

return command is not null ? await command.RunAsync(app) : await app.RunOrRefuseAsync();
