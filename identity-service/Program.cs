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

var commandLine = CommandLine.Read(args);
if (commandLine.Explain() is { } explained)
{
    return explained;
}

var builder = WebApplication.CreateSlimBuilder(ServiceProgram.Options(commandLine.Settings));
// The gateway passes at most 16 KB: the largest useful body holds a name and two passwords of 256 four-byte characters, escaped. This
// limit is twice as much, because it also counts the framing of chunks.
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 32 * 1024);
builder.AddAuthMeshDefaults();
builder.Services
    .AddIdentitySettings(isCommand: commandLine.Command is not null, needsOnlyDatabase: commandLine.Command is { NeedsOnlyDatabase: true })
    .AddModules()
    .AddStrictJson(IdentityJson.Default);

await using var app = builder.Build();

app.UsePreparedGate();
app.MapModules();

return commandLine.Command is not null ? await commandLine.RunAsync(app) : await app.RunOrRefuseAsync();
