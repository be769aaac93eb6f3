using System.Net;
using AuthMesh.Access;
using AuthMesh.LocalMesh;
using AuthMesh.Services;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Applications;

/// <summary>One service calls another in its own name.</summary>
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
