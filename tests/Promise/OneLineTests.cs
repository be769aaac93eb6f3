using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Promise;

/// <summary>
/// Checks the promise of docs/your-own-service.md: the template makes a service with one line and tests that need no mesh, and three
/// settings and one route put it behind the gateway.
/// </summary>
public sealed class OneLineTests(ProductionMesh mesh) : IDisposable
{
    // Neither a namespace nor a path may have a space.
    private const string Name = "Our Notes";

    // What a team adds to the program of the template.
    private const string More = """
        app.MapDelete("/our-notes", () => new About(2)).RequireRecentSignIn(TimeSpan.FromMinutes(10));
        app.MapDelete("/our-notes/all", () => new About(3)).RequireRecentSignIn(TimeSpan.FromMinutes(10)).RequireTwoFactors();

        """;

    // Adds to the package sources that this machine has.
    private const string Sources =
        """<configuration><packageSources><add key="packages" value="packages" /></packageSources></configuration>""";

    // A build server would outlive the build and keep its output open.
    private static readonly string[] WithoutServers = ["-nodeReuse:false", "-p:UseSharedCompilation=false"];

    // In the system's temporary folder, so that this solution's build settings do not apply.
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
    private readonly string version = $"0.0.0-test.{Guid.NewGuid():N}";

    [Fact]
    public async Task One_line_guards_a_new_service_and_one_route_exposes_it()
    {
        await PackAsync();
        var dll = await MakeAsync();
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
            new Dictionary<string, string>(
                [.. mesh.Mesh.Gateway.Settings, .. SettingsFile.Read(Path.Combine(folder, "Notes", "gateway-route.json"))])
            {
                ["ReverseProxy:Routes:our-notes-service:Match:Methods:1"] = "DELETE",
                ["ReverseProxy:Clusters:our-notes-service:Destinations:one:Address"] = notes.Address.GetLeftPart(UriPartial.Authority),
                // And a route at which the gateway refuses by itself.
                ["ReverseProxy:Routes:everybody:ClusterId"] = "our-notes-service",
                ["ReverseProxy:Routes:everybody:Match:Path"] = "/our-notes/everybody",
                ["ReverseProxy:Routes:everybody:Match:Methods:0"] = "GET",
                ["ReverseProxy:Routes:everybody:AuthorizationPolicy"] = "signed-in",
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
            var own = await caller.GetAsync("/our-notes", token);
            Assert.Equal((200, $"Hello, {name}"), (own.Status, own.Member("text")));
            Assert.Equal(200, (await caller.GetAsync("/our-notes", admin)).Status);
            Assert.Equal(200, (await caller.GetAsync("/our-notes/about")).Status);
            (await caller.GetAsync("/our-notes")).AssertError(401, "missing_token", "Missing or invalid token");
            (await caller.GetAsync("/our-notes", token[..^8] + "AAAAAAAA")).AssertError(401, "invalid_token", "Invalid or expired token");
            (await caller.GetAsync("/our-notes/everybody", token)).AssertError(403, "forbidden", "Admin access required");
            (await caller.GetAsync("/our-notes/everybody")).AssertError(401, "missing_token");
            var everybodys = await caller.GetAsync("/our-notes/everybody", admin);
            Assert.Equal((200, "Hello, admin"), (everybodys.Status, everybodys.Member("text")));
            (await caller.GetAsync("/our-notes/nothing", token)).AssertError(404, "not_found");
            await AssertStepUpAsync(caller);
        }
    }

    private async Task AssertStepUpAsync(Caller caller)
    {
        var user = await mesh.Gateway.SignUpAsync();
        Assert.Equal(200, (await caller.CallAsync(HttpMethod.Delete, "/our-notes", user.Token)).Status);

        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(11));
        var refreshed = await mesh.Gateway.RefreshAsync(user.RefreshToken);
        (await caller.CallAsync(HttpMethod.Delete, "/our-notes", refreshed.Token))
            .AssertError(401, "insufficient_user_authentication", "Confirm again that it is you");
        var proved = (await mesh.Gateway.ReauthenticateAsync(refreshed.Token, user.Password)).Token;
        Assert.Equal(200, (await caller.CallAsync(HttpMethod.Delete, "/our-notes", proved)).Status);

        (await caller.CallAsync(HttpMethod.Delete, "/our-notes/all", proved))
            .AssertError(401, "insufficient_user_authentication", "Confirm that it is you with a second factor");
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = methods || jsonb_build_object('otp', methods -> 'pwd') WHERE id = $1", user.SessionId);
        var two = (await mesh.Gateway.RefreshAsync(refreshed.RefreshToken())).Token;
        Assert.Equal(200, (await caller.CallAsync(HttpMethod.Delete, "/our-notes/all", two)).Status);
        (await caller.CallAsync(HttpMethod.Delete, "/our-notes/all", token: null)).AssertError(401, "missing_token");
    }

    public void Dispose()
    {
        foreach (var packages in GlobalPackages())
        {
            foreach (var package in (string[])["authmesh.servicedefaults", "authmesh.testing"])
            {
                var ours = Path.Combine(packages, package, version);
                if (Directory.Exists(ours))
                {
                    Directory.Delete(ours, recursive: true);
                }
            }
        }

        Directory.Delete(folder, recursive: true);
    }

    private async Task PackAsync()
    {
        // Packs what the build of the tests made. Everything that this writes lies in our folder.
        foreach (var project in (string[])["service-defaults", "testing", "templates"])
        {
            await RunAsync(
                Checkout.Root, "pack", Path.Combine(Checkout.Root, project), "--no-build", "--nologo", "--configuration",
                Checkout.Configuration, "-p:Version=" + version, "-p:NuspecOutputPath=" + Path.Combine(folder, "artifacts"),
                "--output", Path.Combine(folder, "packages"), WithoutServers[0]);
        }
    }

    private async Task<string> MakeAsync()
    {
        var hive = Path.Combine(folder, "hive"); // not that of this user
        await File.WriteAllTextAsync(Path.Combine(folder, "nuget.config"), Sources, TestContext.Current.CancellationToken);
        await RunAsync(
            folder, "new", "install", Path.Combine(folder, "packages", $"AuthMesh.Templates.{version}.nupkg"), "--debug:custom-hive", hive);
        await RunAsync(
            folder, "new", "authmesh-service", "--name", Name, "--output", Path.Combine(folder, "Notes"), "--debug:custom-hive", hive);
        var program = Path.Combine(folder, "Notes", Name, "Program.cs");
        var text = await File.ReadAllTextAsync(program, TestContext.Current.CancellationToken);
        Assert.Contains("return await app.RunOrRefuseAsync()", text, StringComparison.Ordinal);
        await File.WriteAllTextAsync(
            program, text.Replace("return await app", More + "return await app", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);

        await AssertSolutionAsync(hive);

        await RunAsync(Path.Combine(folder, "Notes"), ["build", "--nologo", "-p:TreatWarningsAsErrors=true", .. WithoutServers]);
        var tested = await RunAsync(Path.Combine(folder, "Notes"), "test", "--no-build");
        Assert.Matches(@"succeeded: 3\b", tested.Output);
        return Path.Combine(folder, "Notes", Name, "bin", "Debug", "net10.0", $"{Name}.dll");
    }

    // The template "authmesh" has the same service. Its containers need an engine, so here it is only made.
    private async Task AssertSolutionAsync(string hive)
    {
        var made = Path.Combine(folder, "Solution");
        await RunAsync(folder, "new", "authmesh", "--name", Name, "--aspire", "--output", made, "--debug:custom-hive", hive);

        var compose = await File.ReadAllTextAsync(Path.Combine(made, "docker-compose.yml"), TestContext.Current.CancellationToken);
        Assert.Contains("ReverseProxy__Routes__our-notes-service__Match__Path: /our-notes/{**rest}\n", compose, StringComparison.Ordinal);
        Assert.Contains($"image: authmesh/gateway:{version}\n", compose, StringComparison.Ordinal);
        Assert.Equal(
            await File.ReadAllTextAsync(Path.Combine(folder, "Notes", Name, $"{Name}.csproj"), TestContext.Current.CancellationToken),
            await File.ReadAllTextAsync(Path.Combine(made, Name, $"{Name}.csproj"), TestContext.Current.CancellationToken));
        var solution = await File.ReadAllTextAsync(Path.Combine(made, $"{Name}.slnx"), TestContext.Current.CancellationToken);
        Assert.Contains($"{Name}.AppHost.csproj", solution, StringComparison.Ordinal);
        var host = await File.ReadAllTextAsync(Path.Combine(made, $"{Name}.AppHost", "Program.cs"), TestContext.Current.CancellationToken);
        Assert.Contains("AddProject<Projects.Our_Notes>", host, StringComparison.Ordinal);
    }

    private static async Task<Finished> RunAsync(string from, params string[] arguments)
    {
        var finished = await Finished.RunAsync([Checkout.DotNet, .. arguments], folder: from, isBuild: true);
        Assert.True(finished.ExitCode == 0, finished.ToString());
        return finished;
    }

    private List<string> GlobalPackages()
    {
        var assets = Path.Combine(folder, "Notes", Name, "obj", "project.assets.json");
        return File.Exists(assets)
            ? JsonElement.Parse(File.ReadAllText(assets)).GetProperty("packageFolders").EnumerateObject()
            .Select(packages => packages.Name).ToList()
            : [];
    }
}
