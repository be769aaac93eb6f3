using AuthMesh;
using AuthMesh.Errors;
using AuthMesh.Health;
using AuthMesh.Identity;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Commands;
using AuthMesh.Identity.Database;
using AuthMesh.Identity.Internal;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Passwords;
using AuthMesh.Identity.Revocations;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Startup;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Tokens;
using AuthMesh.Identity.Users;
using AuthMesh.Settings;

if (await HealthProbe.RunAsync(args) is { } exitCode)
{
    return exitCode;
}

var command = Command.Find(args);
var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
{
    Args = command?.Settings ?? args,
    ContentRootPath = AppContext.BaseDirectory, // appsettings.json is found from wherever the service is started
});
// The gateway lets 16 KB through: the largest body that anybody has reason to send is a name and two passwords of 256 four-byte characters,
// escaped. Twice as much here, where the framing of chunks counts too.
builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = 32 * 1024);
builder.AddAuthMeshDefaults();
builder.Services
    .AddIdentitySettings()
    .AddDatabase()
    .AddKeyRing()
    .AddPasswords()
    .AddThrottling()
    .AddAccounts()
    .AddSessions()
    .AddRevocations()
    .AddInternal()
    .AddTokens()
    .AddPreparation()
    .AddStrictJson(IdentityJson.Default);

var app = builder.Build();

app.UsePreparedGate();
app.MapAccounts();
app.MapSessions();
app.MapUsers();
app.MapMetadata();

app.MapInternal();

return command is not null ? await command.RunAsync(app) : await app.RunOrRefuseAsync();
