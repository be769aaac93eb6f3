using System.Net;
using System.Text.Json;
using AuthMesh.LocalMesh;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Harness;

/// <summary>A service behind the gateway that answers with the request as it arrived, so that a test sees what was forwarded.</summary>
public sealed class Echo : IAsyncDisposable
{
    private WebApplication app = null!;

    public Uri Address { get; private set; } = null!;

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add(Loopback.Origin(0));
        app.Run(AnswerAsync);
        await app.StartAsync();
        Address = new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Routes of the gateway: to this service, to a path that it never answers, and to a cluster that nothing serves.</summary>
    public Dictionary<string, string> RouteSettings() => new()
    {
        ["ReverseProxy:Routes:echo:ClusterId"] = "echo",
        ["ReverseProxy:Routes:echo:Match:Path"] = "/echo/{**rest}",
        ["ReverseProxy:Routes:echo:Match:Methods:0"] = "GET",
        ["ReverseProxy:Routes:echo:Match:Methods:1"] = "POST",
        ["ReverseProxy:Routes:echo:AuthorizationPolicy"] = "anonymous",
        ["ReverseProxy:Clusters:echo:Destinations:one:Address"] = Address.ToString(),
        ["ReverseProxy:Routes:slow:ClusterId"] = "echo",
        ["ReverseProxy:Routes:slow:Match:Path"] = "/slow",
        ["ReverseProxy:Routes:slow:Match:Methods:0"] = "GET",
        ["ReverseProxy:Routes:slow:AuthorizationPolicy"] = "anonymous",
        ["ReverseProxy:Routes:slow:Timeout"] = "00:00:01",
        ["ReverseProxy:Routes:nobody:ClusterId"] = "nobody",
        ["ReverseProxy:Routes:nobody:Match:Path"] = "/nobody",
        ["ReverseProxy:Routes:nobody:Match:Methods:0"] = "GET",
        ["ReverseProxy:Routes:nobody:AuthorizationPolicy"] = "signed-in",
        ["ReverseProxy:Clusters:nobody:Destinations:one:Address"] = Loopback.Origin(9), // the discard port, on which nothing listens
    };

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    /// <summary>
    /// The request as it arrived. The query holds headers for the answer: <c>?Set-Cookie=a%3Db</c>, and <c>Read</c> for its body.
    /// </summary>
    public static async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/slow")
        {
            await Task.Delay(Timeout.Infinite, context.RequestAborted);
        }

        var headers = context.Request.Headers.ToDictionary(
            header => header.Key, header => header.Value.ToString(), StringComparer.OrdinalIgnoreCase);
        context.Response.Headers.Server = "a server's name";
        context.Response.Headers["Arrived-Method"] = context.Request.Method;
        if (context.Request.Query.ContainsKey("Read"))
        {
            using var body = new StreamReader(context.Request.Body);
            context.Response.Headers["Arrived-Body"] = await body.ReadToEndAsync();
        }

        foreach (var (name, values) in context.Request.Query)
        {
            context.Response.Headers[name] = values;
        }

        await context.Response.WriteAsync(
            JsonSerializer.Serialize(new { context.Request.Method, Path = context.Request.Path.Value, headers }));
    }
}
