using AuthMesh.Errors;
using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Database;
using AuthMesh.Identity.Keys;
using AuthMesh.Settings;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AuthMesh.Identity.Startup;

/// <summary>
/// What must be done before the first request: schema, key ring, first users. It waits for PostgreSQL as long as that takes, while
/// the service already answers that it is not ready and why.
/// </summary>
internal sealed partial class Preparation(IServiceScopeFactory scopes, PendingRefusal refusal, TimeProvider clock, ILogger<Preparation> logger)
    : BackgroundService, IHealthCheck
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100); // everything waits for this, and the attempt is cheap

    private readonly TaskCompletionSource completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string waitsFor = "preparing schema, keys and first users";

    public bool IsComplete => completed.Task.IsCompleted;

    /// <summary>Ends when everything is in place; never, where the start is refused.</summary>
    public Task Completed => completed.Task;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(IsComplete ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(waitsFor));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield(); // the server starts listening meanwhile
        string? lastReason = null;
        while (!IsComplete)
        {
            try
            {
                await RunAsync(stoppingToken);
                LogComplete();
                completed.SetResult();
            }
            catch (StartRefusedException exception)
            {
                refusal.Refuse(exception);
                return;
            }
            catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is not null)
            {
                // The cure lies outside: an address, a password, a server that is still starting. Said once for each reason.
                waitsFor = "waiting for PostgreSQL";
                var reason = DatabaseUnavailable.FindCause(exception)!.Message;
                if (lastReason != reason)
                {
                    lastReason = reason;
                    LogWaiting(reason);
                }

                await Task.Delay(RetryInterval, clock, stoppingToken);
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                LogFailed(exception);
                refusal.Refuse(new StartRefusedException("The preparation failed for a reason that waiting does not cure: " + exception.Message));
                return;
            }
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        var db = services.GetRequiredService<IdentityDb>();
        _ = db.Model; // it takes as long as PostgreSQL takes to start, and need not wait for it

        // Replicas that start together take turns; whoever comes second finds everything done.
        await using var turn = await services.GetRequiredService<PreparationLock>().TakeAsync(cancellationToken);
        await services.GetRequiredService<Migrate>().RunAsync(cancellationToken);
        await services.GetRequiredService<KeyRing>().OpenAsync(db, cancellationToken);
        await services.GetRequiredService<DemoUsers>().RunAsync(cancellationToken);
        await services.GetRequiredService<FirstAdmin>().RunAsync(cancellationToken);
    }

    [LoggerMessage(LogLevel.Information, "Schema, key ring and first users are in place")]
    private partial void LogComplete();

    [LoggerMessage(LogLevel.Critical, "The preparation failed")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(LogLevel.Warning, "Waiting for PostgreSQL: {Reason}")]
    private partial void LogWaiting(string reason);
}

internal static class PreparationServices
{
    public static IServiceCollection AddPreparation(this IServiceCollection services)
    {
        services.AddScoped<PreparationLock>().AddScoped<Migrate>().AddScoped<DemoUsers>().AddScoped<FirstAdmin>();
        services.AddSingleton<Preparation>();
        services.AddHostedService(provider => provider.GetRequiredService<Preparation>());
        services.AddHealthChecks().Add(
            new HealthCheckRegistration("preparation", provider => provider.GetRequiredService<Preparation>(), HealthStatus.Unhealthy, tags: null));
        return services;
    }

    /// <summary>Until the preparation is done, every endpoint but those for health answers 503.</summary>
    public static void UsePreparedGate(this WebApplication app)
    {
        var preparation = app.Services.GetRequiredService<Preparation>();
        var notReady = CommonFailures.Unavailable("not_ready", "The identity service is starting");
        app.Use((context, next) => preparation.IsComplete ? next(context) : notReady.ExecuteAsync(context));
    }
}
