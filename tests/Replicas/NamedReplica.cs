using System.Net;
using System.Security.Cryptography.X509Certificates;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Replicas;

/// <summary>
/// A service on a loopback address of its own, so that several listen on one port, as replicas do. It answers with its address and the
/// host that it was asked for.
/// </summary>
internal sealed class NamedReplica : IAsyncDisposable
{
    private readonly WebApplication app;
    private int answered, probed;

    private NamedReplica(WebApplication app) => this.app = app;

    public int Port => new Uri(app.Urls.First()).Port;

    /// <summary>How many requests it answered, without probes.</summary>
    public int Answered => Volatile.Read(ref answered);

    public int Probed => Volatile.Read(ref probed);

    /// <summary>What its readiness answers.</summary>
    public int Readiness { get; set; } = 200;

    /// <param name="address">Such as 127.0.0.2.</param>
    /// <param name="port">The port of the other replicas; 0 takes a free one.</param>
    /// <param name="certificate">For https.</param>
    public static async Task<NamedReplica> StartAsync(string address, int port = 0, X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Parse(address), port, endpoint =>
        {
            if (certificate is not null)
            {
                endpoint.UseHttps(certificate);
            }
        }));
        var replica = new NamedReplica(builder.Build());
        replica.app.Run(context => replica.AnswerAsync(context, address));
        await replica.app.StartAsync(TestContext.Current.CancellationToken);
        return replica;
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private Task AnswerAsync(HttpContext context, string address)
    {
        if (context.Request.Path == "/health/ready")
        {
            Interlocked.Increment(ref probed);
            context.Response.StatusCode = Readiness;
            return Task.CompletedTask;
        }

        Interlocked.Increment(ref answered);
        return context.Response.WriteAsync($"{address} {context.Request.Host}");
    }
}
