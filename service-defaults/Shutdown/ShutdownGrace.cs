using AuthMesh.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace AuthMesh.Shutdown;

/// <summary>
/// Lets callers turn to another replica before this one stops. From SIGTERM on, readiness answers 503 and every HTTP/1.1 answer closes its
/// connection, but the service works as before for <see cref="AuthMeshOptions.ShutdownGrace"/>. Then it stops to listen, finishes the
/// requests under way and ends its streams. HTTP/2 connections are told by the web server (GOAWAY).
/// </summary>
internal sealed class ShutdownGrace(
    IHostApplicationLifetime lifetime, IOptions<AuthMeshOptions> mesh, PendingRefusal refusal, TimeProvider clock)
    : IHostedLifecycleService, IHealthCheck, IStartupFilter, IDisposable
{
    /// <summary>
    /// How long the host waits for everything, the grace included. Container platforms kill a service after 30 s, so it ends before.
    /// </summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(28);

    private readonly CancellationTokenSource over = new();
    private volatile bool isStopped; // by its host, without a signal

    /// <summary>Canceled when the service stops listening. Requests that never end by themselves, such as streams, must end then.</summary>
    public CancellationToken Over => over.Token;

    private bool HasBegun => isStopped || lifetime.ApplicationStopping.IsCancellationRequested;

    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        isStopped = true;
        if (refusal.Message is null) // a service that refuses to start has no callers
        {
            await Task.Delay(mesh.Value.ShutdownGrace, clock, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await over.CancelAsync();
    }

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(HasBegun ? HealthCheckResult.Unhealthy("stopping") : HealthCheckResult.Healthy());

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            if (HasBegun && (HttpProtocol.IsHttp11(context.Request.Protocol) || HttpProtocol.IsHttp10(context.Request.Protocol)))
            {
                context.Response.OnStarting(CloseConnection, context);
            }

            return proceed(context);
        });
        next(app);
    };

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose() => over.Dispose();

    private static Task CloseConnection(object state)
    {
        var response = ((HttpContext)state).Response;
        if (response.StatusCode != StatusCodes.Status101SwitchingProtocols) // its connection belongs to the WebSocket
        {
            response.Headers.Connection = "close"; // RFC 9112 §9.6
        }

        return Task.CompletedTask;
    }
}

internal static class ShutdownServices
{
    /// <summary>Add it first, so that it sees every answer.</summary>
    public static void AddShutdownGrace(this IServiceCollection services)
    {
        services.AddSingleton<ShutdownGrace>();
        services.AddSingleton<IStartupFilter>(provider => provider.GetRequiredService<ShutdownGrace>());
        services.AddHostedService(provider => provider.GetRequiredService<ShutdownGrace>());
        services.AddHealthChecks().Add(new HealthCheckRegistration(
            "shutdown", provider => provider.GetRequiredService<ShutdownGrace>(), HealthStatus.Unhealthy, tags: null));
        services.Configure<HostOptions>(host => host.ShutdownTimeout = ShutdownGrace.Longest);
    }
}
