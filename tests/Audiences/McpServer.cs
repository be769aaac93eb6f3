using System.ComponentModel;
using AuthMesh.Access;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Streams;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using ModelContextProtocol;
using ModelContextProtocol.AspNetCore;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace AuthMesh.Tests.Audiences;

/// <summary>
/// An MCP server behind the production mesh, as docs/mcp.md describes one: the line <c>AddAuthMesh()</c>, an audience, and two routes of a
/// second gateway.
/// </summary>
internal sealed class McpServer : IAsyncDisposable
{
    public const string Audience = ProductionMesh.Issuer + "/mcp", Scope = "notes.use";

    private WebApplication app = null!;
    private ServiceProcess gateway = null!;

    /// <summary>The gateway.</summary>
    public Caller Gateway { get; private set; } = null!;

    /// <summary>How many streams of the service are open.</summary>
    public int OpenStreams => app.Services.GetRequiredService<OpenStreams>().All().Count;

    public static async Task<McpServer> StartAsync(ProductionMesh mesh, HttpServerSessionMode mode)
    {
        var server = new McpServer();
        var port = Ports.Free();
        server.app = await StartServiceAsync(mesh, mode, port);
        server.gateway = await ServiceProcess.StartAsync(
            "gateway", new Dictionary<string, string>([.. mesh.Mesh.Gateway.Settings, .. Routes(port)]), "Production",
            start: WithinThisProcess.StartAsync);
        await server.gateway.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        server.Gateway = new Caller(server.gateway.Address);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        if (gateway is not null)
        {
            await gateway.DisposeAsync();
        }

        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private static async Task<WebApplication> StartServiceAsync(ProductionMesh mesh, HttpServerSessionMode mode, int port)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Logging.ClearProviders();
        builder.Configuration["urls"] = Loopback.Origin(port);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = mesh.Mesh.Identity.Address.GetLeftPart(UriPartial.Authority),
            ["AuthMesh:Audience"] = Audience,
        });
        builder.AddAuthMesh();
        builder.Services.AddMcpServer().WithHttpTransport(http => http.SessionMode = mode).WithTools<Notes>();

        var service = builder.Build();
        service.MapMcp("/mcp").RequireScope(Scope);
        await service.StartAsync();
        using var caller = new Caller(new Uri(Loopback.Origin(port)));
        await Patience.UntilAsync(async () => (await caller.GetAsync("/health/ready")).Status == 200);
        return service;
    }

    private static Dictionary<string, string> Routes(int port)
    {
        const string Calls = "ReverseProxy:Routes:mcp", Stream = "ReverseProxy:Routes:mcp-stream";
        return new()
        {
            [$"{Calls}:ClusterId"] = "mcp",
            [$"{Calls}:Match:Path"] = "/mcp",
            [$"{Calls}:Match:Methods:0"] = "POST",
            [$"{Calls}:Match:Methods:1"] = "DELETE",
            [$"{Calls}:AuthorizationPolicy"] = $"scope:{Scope}",
            [$"{Calls}:Metadata:Audience"] = Audience,
            [$"{Stream}:ClusterId"] = "mcp",
            [$"{Stream}:Match:Path"] = "/mcp",
            [$"{Stream}:Match:Methods:0"] = "GET",
            [$"{Stream}:AuthorizationPolicy"] = $"scope:{Scope}",
            [$"{Stream}:Metadata:Audience"] = Audience,
            [$"{Stream}:Metadata:Streaming"] = "true",
            ["ReverseProxy:Clusters:mcp:Destinations:one:Address"] = Loopback.Origin(port),
        };
    }

    [McpServerToolType]
    internal sealed class Notes
    {
        [McpServerTool(Name = "owner"), Description("Says whose notes these are.")]
        public static string Owner(RequestContext<CallToolRequestParams> request) => request.User!.Username;

        [McpServerTool(Name = "work"), Description("Works until somebody ends it.")]
        public static async Task<string> WorkAsync(IProgress<ProgressNotificationValue> progress, CancellationToken cancellationToken)
        {
            progress.Report(new() { Progress = 1, Message = "at work" });
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return "";
        }
    }
}
