using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Promise;

/// <summary>
/// Checks the promise of docs/your-own-service.md: the package, one line, three settings and one route put a team's own service
/// behind the gateway.
/// </summary>
public sealed class OneLineTests(ProductionMesh mesh) : IDisposable
{
    private const string Program = """
        using System.Security.Claims;
        using AuthMesh;
        using AuthMesh.Access;
        using AuthMesh.Tokens;

        var builder = WebApplication.CreateBuilder(args);
        builder.AddAuthMesh();

        var app = builder.Build();
        app.MapGet("/notes", (ClaimsPrincipal user) => new Note("success", $"The notes of {user.Username}"));
        app.MapGet("/notes/admin", () => new Note("success", "Everybody's notes")).RequireAuthorization(Policies.Admin);
        app.MapDelete("/notes", () => new Note("success", "Deleted")).RequireRecentSignIn(TimeSpan.FromMinutes(10));
        app.MapDelete("/notes/all", () => new Note("success", "Deleted")).RequireRecentSignIn(TimeSpan.FromMinutes(10)).RequireTwoFactors();
        app.Run();

        public sealed record Note(string Status, string Message);
        """;

    private const string Project = """
        <Project Sdk="Microsoft.NET.Sdk.Web">
          <PropertyGroup>
            <TargetFramework>net10.0</TargetFramework>
            <Nullable>enable</Nullable>
            <ImplicitUsings>enable</ImplicitUsings>
            <TreatWarningsAsErrors>true</TreatWarningsAsErrors>
          </PropertyGroup>
          <ItemGroup>
            <PackageReference Include="AuthMesh.ServiceDefaults" Version="VERSION" />
          </ItemGroup>
        </Project>
        """;

    // Adds to the package sources that this machine has.
    private const string Sources =
        """<configuration><packageSources><add key="packages" value="../packages" /></packageSources></configuration>""";

    // A build server would outlive the build and keep its output open.
    private static readonly string[] WithoutServers = ["-nodeReuse:false", "-p:UseSharedCompilation=false"];

    // In the system's temporary folder, so that this solution's build settings do not apply.
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
    private readonly string version = $"0.0.0-test.{Guid.NewGuid():N}";

    [Fact]
    public async Task One_line_guards_a_new_service_and_one_route_exposes_it()
    {
        await PackAsync();
        var dll = await BuildAsync();
        await using var notes = await ServiceProcess.StartAsync(
            "notes",
            new Dictionary<string, string>
            {
                ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
                ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
                ["AuthMesh:IdentityUrl"] = mesh.Mesh.Identity.Address.GetLeftPart(UriPartial.Authority),
                ["AuthMesh:ShutdownGrace"] = "00:00:00",
            },
            "Production", program: dll);
        await using var gateway = await ServiceProcess.StartAsync(
            "gateway",
            new Dictionary<string, string>(mesh.Mesh.Gateway.Settings)
            {
                ["ReverseProxy:Routes:notes:ClusterId"] = "notes",
                ["ReverseProxy:Routes:notes:Match:Path"] = "/notes/{**rest}",
                ["ReverseProxy:Routes:notes:Match:Methods:0"] = "GET",
                ["ReverseProxy:Routes:notes:Match:Methods:1"] = "DELETE",
                ["ReverseProxy:Routes:notes:AuthorizationPolicy"] = "signed-in",
                ["ReverseProxy:Clusters:notes:Destinations:one:Address"] = notes.Address.GetLeftPart(UriPartial.Authority),
            },
            "Production");
        await notes.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await gateway.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        var (name, _, token) = await mesh.SignUpAsync();
        var admin = await mesh.AdminTokenAsync();

        // The service enforces the rules by itself too: it does not trust a request because the gateway forwarded it.
        foreach (var address in new[] { gateway.Address, notes.Address })
        {
            using var caller = new Caller(address);
            var own = await caller.GetAsync("/notes", token);
            Assert.Equal((200, $"The notes of {name}"), (own.Status, own.Message));
            Assert.Equal(200, (await caller.GetAsync("/notes", admin)).Status);
            (await caller.GetAsync("/notes")).AssertError(401, "missing_token", "Missing or invalid token");
            (await caller.GetAsync("/notes", token[..^8] + "AAAAAAAA")).AssertError(401, "invalid_token", "Invalid or expired token");
            (await caller.GetAsync("/notes/admin", token)).AssertError(403, "forbidden", "Admin access required");
            (await caller.GetAsync("/notes/admin")).AssertError(401, "missing_token");
            var everybodys = await caller.GetAsync("/notes/admin", admin);
            Assert.Equal((200, "Everybody's notes"), (everybodys.Status, everybodys.Message));
            (await caller.GetAsync("/notes/nothing", token)).AssertError(404, "not_found");
            await AssertStepUpAsync(caller);
        }
    }

    private async Task AssertStepUpAsync(Caller caller)
    {
        var user = await mesh.Gateway.SignUpAsync();
        Assert.Equal(200, (await caller.CallAsync(HttpMethod.Delete, "/notes", user.Token)).Status);

        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(11));
        var refreshed = await mesh.Gateway.RefreshAsync(user.RefreshToken);
        (await caller.CallAsync(HttpMethod.Delete, "/notes", refreshed.Token))
            .AssertError(401, "insufficient_user_authentication", "Confirm again that it is you");
        var proved = (await mesh.Gateway.ReauthenticateAsync(refreshed.Token, user.Password)).Token;
        Assert.Equal(200, (await caller.CallAsync(HttpMethod.Delete, "/notes", proved)).Status);

        (await caller.CallAsync(HttpMethod.Delete, "/notes/all", proved))
            .AssertError(401, "insufficient_user_authentication", "Confirm that it is you with a second factor");
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = methods || jsonb_build_object('otp', methods -> 'pwd') WHERE id = $1", user.SessionId);
        var two = (await mesh.Gateway.RefreshAsync(refreshed.RefreshToken())).Token;
        Assert.Equal(200, (await caller.CallAsync(HttpMethod.Delete, "/notes/all", two)).Status);
        (await caller.CallAsync(HttpMethod.Delete, "/notes/all", token: null)).AssertError(401, "missing_token");
    }

    public void Dispose()
    {
        foreach (var packages in GlobalPackages())
        {
            var ours = Path.Combine(packages, "authmesh.servicedefaults", version);
            if (Directory.Exists(ours))
            {
                Directory.Delete(ours, recursive: true);
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    private async Task PackAsync()
    {
        // Packs what the build of the tests made. Everything that this writes lies in our folder.
        var packed = await Finished.RunAsync(
            [
                Checkout.DotNet, "pack", Path.Combine(Checkout.Root, "service-defaults"), "--no-build", "--nologo",
                "--configuration", Checkout.Configuration, "-p:Version=" + version,
                "-p:NuspecOutputPath=" + Path.Combine(folder, "artifacts"), "--output", Path.Combine(folder, "packages"), WithoutServers[0],
            ],
            folder: Checkout.Root, isBuild: true);
        Assert.True(packed.ExitCode == 0, packed.ToString());
    }

    private async Task<string> BuildAsync()
    {
        var project = Directory.CreateDirectory(Path.Combine(folder, "notes")).FullName;
        await File.WriteAllTextAsync(Path.Combine(project, "Program.cs"), Program, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(Path.Combine(project, "nuget.config"), Sources, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(
            Path.Combine(project, "notes.csproj"), Project.Replace("VERSION", version, StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        var built = await Finished.RunAsync(
            [Checkout.DotNet, "build", project, "--nologo", "--output", Path.Combine(folder, "output"), .. WithoutServers], folder: project,
            isBuild: true);
        Assert.True(built.ExitCode == 0, built.ToString());
        return Path.Combine(folder, "output", "notes.dll");
    }

    private List<string> GlobalPackages()
    {
        var assets = Path.Combine(folder, "notes", "obj", "project.assets.json");
        return File.Exists(assets)
            ? JsonElement.Parse(File.ReadAllText(assets)).GetProperty("packageFolders").EnumerateObject()
            .Select(packages => packages.Name).ToList()
            : [];
    }
}
