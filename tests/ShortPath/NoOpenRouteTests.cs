using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Routing.Patterns;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthMesh.Tests.ShortPath;

/// <summary>
/// The gateway's guard stands in for the framework's check that an endpoint with a policy is guarded at all. So this tries every route.
/// </summary>
public sealed class NoOpenRouteTests(ProductionMesh mesh)
{
    [Fact]
    public async Task Every_guarded_route_refuses_with_every_method_each_token_that_is_not_good()
    {
        var (header, claims) = (mesh.Forge.Header(), Forge.Claims());
        var good = mesh.Forge.Sign(header, claims);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", good)).Status); // cached from now on
        var ended = await mesh.Gateway.SignUpAsync();
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", ended.Token)).Status);
        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(ended.Token)).Status);
        await Patience.UntilAsync(async () => (await mesh.Gateway.GetAsync("/protected", ended.Token)).Status == 401);
        (string Kind, string? Token)[] refused =
        [
            ("none", null), ("junk", "junk"), ("forged", good[..^8] + "AAAAAAAA"), ("revoked", ended.Token),
            ("expired", Changed("exp", claims["iat"]!.GetValue<long>() - 60)), ("for another audience", Changed("aud", "another")),
        ];
        var wrong = new List<string>();
        var count = 0;
        foreach (var (method, path, policy) in GuardedRoutes())
        {
            count++;
            foreach (var (kind, token) in refused)
            {
                await ExpectAsync(401, kind, token);
                await ExpectAsync(401, kind + ", again", token);
            }

            if (policy == "admin")
            {
                await ExpectAsync(403, "a user's", good);
                await ExpectAsync(403, "a user's, again", good);
                await ExpectAsync(403, "of a role that only looks like admin", Changed("role", "Admin"));
            }

            if (policy.StartsWith("application:", StringComparison.Ordinal))
            {
                await ExpectAsync(403, "a user's", good);
                await ExpectAsync(403, "a user's, again", good);
            }

            async Task ExpectAsync(int status, string kind, string? token)
            {
                var answer = await mesh.Gateway.SendAsync(new HttpMethod(method), path, change: request =>
                    request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token));
                if (answer.Status != status)
                {
                    wrong.Add($"{method} {path}, token {kind}: {answer.Status} instead of {status}");
                }
            }
        }

        Assert.Empty(wrong);
        Assert.InRange(count, 30, 200);

        string Changed(string claim, JsonNode value) => mesh.Forge.Sign(header.ToJsonString(), Forge.With(claims, claim, value));
    }

    [Fact]
    public async Task An_endpoint_that_is_no_route_of_the_proxy_is_closed()
    {
        var marker = Guid.NewGuid().ToString("N");
        using var added = new EndpointByHand(marker);
        await using var gateway = new LoneGateway(new() { ["Test:Marker"] = marker });
        await gateway.InitializeAsync();
        var token = gateway.Identity.Sign(Forge.Claims());
        Assert.Equal(200, (await gateway.Caller.GetAsync("/protected", token)).Status);
        Assert.True(added.IsAdded);

        (await gateway.Caller.GetAsync("/by-hand")).AssertError(401, "missing_token");
        (await gateway.Caller.GetAsync("/by-hand", token[..^8] + "AAAAAAAA")).AssertError(401, "invalid_token");
        (await gateway.Caller.GetAsync("/by-hand/admin", token)).AssertError(403, "forbidden");
        Assert.Equal("a secret", (await gateway.Caller.GetAsync("/by-hand", token)).Text); // it exists: the fallback policy admits a user
    }

    private static IEnumerable<(string Method, string Path, string Policy)> GuardedRoutes()
    {
        var settings = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "gateway.appsettings.json"));
        foreach (var route in JsonElement.Parse(settings).GetProperty("ReverseProxy").GetProperty("Routes").EnumerateObject())
        {
            var policy = route.Value.GetProperty("AuthorizationPolicy").GetString()!;
            var match = route.Value.GetProperty("Match");
            var path = match.GetProperty("Path").GetString()!.Replace("{id}", Guid.NewGuid().ToString(), StringComparison.Ordinal);
            var methods = match.GetProperty("Methods").EnumerateArray().Select(method => method.GetString()!).ToList();
            foreach (var method in methods.Contains("GET") ? methods.Append("HEAD") : methods)
            {
                if (policy != "anonymous")
                {
                    yield return (method, path, policy);
                }
            }
        }
    }

    /// <summary>Adds endpoints to the program of one gateway, as a line in its Program.cs would.</summary>
    private sealed class EndpointByHand
        : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>, IStartupFilter, IDisposable
    {
        private readonly string marker;
        private readonly IDisposable subscription;
        private IDisposable? inner;

        public EndpointByHand(string marker)
        {
            this.marker = marker;
            subscription = DiagnosticListener.AllListeners.Subscribe(this);
        }

        public bool IsAdded { get; private set; }

        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "Microsoft.Extensions.Hosting")
            {
                inner = value.Subscribe(this);
            }
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value is { Key: "HostBuilding", Value: IHostBuilder host })
            {
                host.ConfigureServices((context, services) =>
                {
                    if (context.Configuration["Test:Marker"] == marker)
                    {
                        services.AddSingleton<IStartupFilter>(this);
                    }
                });
            }
        }

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            next(app);
            // The framework's name for the program, which holds the endpoints.
            ((IEndpointRouteBuilder)app.Properties["__EndpointRouteBuilder"]!).DataSources.Add(new DefaultEndpointDataSource(
                EndpointAt("/by-hand"), EndpointAt("/by-hand/admin", new AuthorizeAttribute("admin"))));
            IsAdded = true;
        };

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }

        public void Dispose()
        {
            inner?.Dispose();
            subscription.Dispose();
        }

        private static Endpoint EndpointAt(string path, params object[] metadata)
        {
            var builder = new RouteEndpointBuilder(
                context => context.Response.WriteAsync("a secret"), RoutePatternFactory.Parse(path), order: 0);
            foreach (var item in metadata)
            {
                builder.Metadata.Add(item);
            }

            return builder.Build();
        }
    }
}
