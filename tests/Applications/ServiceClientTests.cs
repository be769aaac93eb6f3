using System.Net;
using AuthMesh.Access;
using AuthMesh.Issuer;
using AuthMesh.LocalMesh;
using AuthMesh.Services;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Applications;

/// <summary>One service calls another in its own name, and so does a program that is none.</summary>
public sealed class ServiceClientTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_service_calls_another_until_an_admin_ends_it()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "orders.read", "orders.write");
        var secret = Path.GetTempFileName();
        await File.WriteAllTextAsync(secret, made.Secret + "\n", TestContext.Current.CancellationToken);
        var seen = new List<string>();
        await using var orders = await StartAsync(_ => { }, app =>
        {
            app.MapGet("/orders", (HttpContext context) =>
            {
                seen.Add(context.Request.Headers.Authorization.ToString()["Bearer ".Length..]);
                return TypedResults.Text(context.User.ApplicationId);
            }).RequireApplication("orders.read");
            app.MapPost("/orders", async (HttpRequest request) =>
                TypedResults.Text(await new StreamReader(request.Body).ReadToEndAsync())).RequireApplication("orders.write");
        });
        await using var worker = await StartAsync(
            builder =>
            {
                builder.Configuration["AuthMesh:Client:Id"] = made.ClientId;
                builder.Configuration["AuthMesh:Client:SecretFile"] = secret;
                builder.Services.AddHttpClient("orders", http => http.BaseAddress = orders.Address)
                    .AddAuthMeshToken("orders.read", "orders.write");
            },
            _ => { });
        var http = worker.App.Services.GetRequiredService<IHttpClientFactory>().CreateClient("orders");

        // 1. One token serves many calls.
        await Patience.UntilAsync(async () => (await http.GetAsync("/orders", Stop)).StatusCode == HttpStatusCode.OK); // it may still start
        Assert.Equal(made.ClientId, await http.GetStringAsync("/orders", Stop));
        Assert.Single(seen.Distinct());

        // 2. When the token ends, another one follows, and the request goes out again with its body.
        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(
            admin, made.Id, new { scopes = new[] { "orders.write", "orders.read" } })).Status);
        using var direct = new Caller(orders.Address);
        await Patience.UntilAsync(async () => (await direct.GetAsync("/orders", seen[0])).Status == 401);
        await Patience.UntilAsync(async () => // a token that is younger than a second is not replaced
        {
            using var posted = await http.PostAsync("/orders", new StringContent("a body"), Stop);
            return posted.StatusCode == HttpStatusCode.OK && await posted.Content.ReadAsStringAsync(Stop) == "a body";
        });
        await Assert.ThrowsAsync<InvalidOperationException>(() => http.GetAsync(mesh.Gateway.Address, Stop)); // which would get the token

        // 3. A disabled application gets none.
        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { disabled = true })).Status);
        await Patience.UntilAsync(async () =>
        {
            try
            {
                using var answer = await http.GetAsync("/orders", Stop);
                return false; // 200 until the service hears of it, then 401 while the token is new
            }
            catch (HttpRequestException exception)
            {
                Assert.StartsWith(
                    $"The identity service gives application {made.ClientId} no token: The client_id", exception.Message,
                    StringComparison.Ordinal);
                return true;
            }
        });
        File.Delete(secret);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("app", null)]
    [InlineData(null, "secret")]
    public async Task Without_an_application_the_service_refuses_to_start(string? id, string? secret)
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => StartAsync(
            builder =>
            {
                builder.Configuration["AuthMesh:Client:Id"] = id ?? "";
                builder.Configuration["AuthMesh:Client:Secret"] = secret ?? "";
                builder.Services.AddHttpClient("orders").AddAuthMeshToken("orders.read");
            },
            _ => { }));

        Assert.Contains(
            id is null ? "AuthMesh:Client:Id must be" : "AuthMesh:Client:Secret (or", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new ServiceCollection().AddHttpClient("x").AddAuthMeshToken());
        Assert.Throws<ArgumentException>(() => new ServiceCollection().AddHttpClient("x").AddAuthMeshToken("mesh"));
    }

    [Fact]
    public async Task A_service_of_the_mesh_needs_its_service_key_also_when_it_calls_others()
    {
        var refused = await Assert.ThrowsAnyAsync<Exception>(() => StartAsync(
            builder =>
            {
                builder.Configuration["AuthMesh:ServiceKey"] = "";
                builder.Configuration["AuthMesh:Client:Id"] = "app";
                builder.Configuration["AuthMesh:Client:Secret"] = "secret";
                builder.Services.AddHttpClient("orders").AddAuthMeshToken("orders.read");
            },
            _ => { }));

        Assert.Contains("AuthMesh:ServiceKey (or ServiceKeyFile) must be", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Where the program gets its tokens: at the issuer, or where the settings say that it reaches the mesh.</summary>
    [Theory]
    [InlineData("AuthMesh:Issuer", "Development")]
    [InlineData("AuthMesh:IdentityUrl", "Production")]
    public async Task A_program_that_only_calls_needs_no_more_than_its_application_and_tells_nobody_the_service_key(
        string place, string environment)
    {
        List<string> seen = [];
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        await using var orders = builder.Build();
        orders.Urls.Add(Loopback.Origin(0));
        orders.MapPost("/token", (HttpRequest request) =>
        {
            seen.Add(request.Headers[IssuerConnection.ServiceKeyHeader].ToString());
            return TypedResults.Text("""{"access_token":"a-token","expires_in":600}""", "application/json");
        });
        orders.MapGet("/orders", (HttpRequest request) => TypedResults.Text(request.Headers.Authorization.ToString()));
        await orders.StartAsync(Stop);
        var address = orders.Urls.First();
        using var worker = OnlyCalls(
            address, environment, new() { [place] = address, ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey });

        await worker.StartAsync(Stop);

        var http = worker.Services.GetRequiredService<IHttpClientFactory>().CreateClient("orders");
        Assert.Equal("Bearer a-token", await http.GetStringAsync("/orders", Stop));
        Assert.Equal("", Assert.Single(seen));
        await worker.StopAsync(Stop);
    }

    [Theory]
    [InlineData("AuthMesh:Issuer", "", "AuthMesh:Issuer must be the public origin")]
    [InlineData("AuthMesh:Issuer", "http://auth.example", "or set DOTNET_ENVIRONMENT=Development")]
    [InlineData("AuthMesh:IdentityUrl", "http://auth.example/token", "AuthMesh:IdentityUrl must be the address at which this program")]
    [InlineData("AuthMesh:Client:Id", "", "AuthMesh:Client:Id must be")]
    [InlineData("AuthMesh:Client:Secret", "", "AuthMesh:Client:Secret (or")]
    [InlineData("AuthMesh:Client:Secret", "authmesh-development-stock-worker", "AuthMesh:Client:Secret is that of a sample")]
    [InlineData("AuthMesh:ServiceKey", "", null)]
    [InlineData("AuthMesh:IdentityUrl", "http://auth.example,http://auth2.example:8080", null)]
    public async Task A_program_that_only_calls_starts_with_good_settings_alone(string key, string value, string? problem)
    {
        using var worker = OnlyCalls("http://localhost:9", "Production", new() { [key] = value });

        var refused = await Record.ExceptionAsync(() => worker.StartAsync(Stop));

        Assert.Equal(problem is null, refused is null);
        Assert.Contains(problem ?? "", refused?.Message ?? "", StringComparison.Ordinal);
        await worker.StopAsync(Stop);
    }

    private static IHost OnlyCalls(string address, string environment, Dictionary<string, string> settings)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { EnvironmentName = environment });
        builder.Configuration["AuthMesh:Issuer"] = ProductionMesh.Issuer;
        builder.Configuration["AuthMesh:Client:Id"] = "app";
        builder.Configuration["AuthMesh:Client:Secret"] = "secret";
        foreach (var (key, value) in settings)
        {
            builder.Configuration[key] = value;
        }

        builder.Services.AddHttpClient("orders", http => http.BaseAddress = new Uri(address)).AddAuthMeshToken("orders.read");
        return builder.Build();
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private async Task<Running> StartAsync(Action<WebApplicationBuilder> configure, Action<WebApplication> use)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.Configuration["AuthMesh:Issuer"] = ProductionMesh.Issuer;
        builder.Configuration["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey;
        builder.Configuration["AuthMesh:IdentityUrl"] = mesh.Identity.Address.GetLeftPart(UriPartial.Authority);
        builder.Configuration["AuthMesh:ShutdownGrace"] = "00:00:00";
        builder.Configuration["urls"] = Loopback.Origin(0);
        configure(builder);
        builder.AddAuthMesh();
        var app = builder.Build();
        use(app);
        try
        {
            await app.StartAsync(Stop);
        }
        catch
        {
            await app.DisposeAsync();
            throw;
        }

        return new Running(app);
    }

    private sealed record Running(WebApplication App) : IAsyncDisposable
    {
        public Uri Address => new(App.Urls.First());

        public async ValueTask DisposeAsync()
        {
            await App.StopAsync(CancellationToken.None);
            await App.DisposeAsync();
        }
    }
}
