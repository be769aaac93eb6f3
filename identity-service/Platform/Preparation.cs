using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace AuthMesh.Identity.Platform;

/// <summary>
/// Work that a module does once at startup, before the first request. All steps run one after the other, in the order of the modules,
/// and only one replica runs them at a time. A step must be safe to repeat.
/// </summary>
internal sealed record PreparationStep(Func<IServiceProvider, CancellationToken, Task> RunAsync);

/// <summary>
/// Migrates the schema and runs the modules' preparation steps. It waits for PostgreSQL as long as necessary, and for the schema if its
/// user may not change that; meanwhile the service listens, and its readiness check reports the reason. A fault that waiting does not cure
/// stops the service.
/// </summary>
internal sealed partial class Preparation(
    IServiceScopeFactory scopes, PendingRefusal refusal, Primary primary, DatabaseHealth database, TimeProvider clock,
    ILogger<Preparation> logger)
    : BackgroundService, IHealthCheck
{
    // Every request waits for this, and an attempt is cheap.
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100);

    // Longer, because a repair by hand takes time and PostgreSQL logs each wrong password.
    private static readonly TimeSpan RetryIntervalOfRepairs = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile string waitsFor = "preparing schema, keys and first users";

    public bool IsComplete => completed.Task.IsCompleted;

    /// <summary>Completes when everything is prepared. It never completes if the service refuses to start.</summary>
    public Task Completed => completed.Task;

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(IsComplete ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(waitsFor));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield(); // the server starts to listen meanwhile
        try
        {
            await new Repeating(clock, Explain, LogWaiting).RunAsync(PrepareAsync, stoppingToken);
            LogComplete();
            completed.SetResult();
        }
        catch (StartRefusedException exception)
        {
            refusal.Refuse(exception);
        }
        catch (Exception exception) when (DatabaseUnavailable.Classify(exception) is { Kind: FaultKind.Permanent } fault)
        {
            refusal.Refuse(
                new StartRefusedException($"{fault.Description} PostgreSQL says: {DatabaseUnavailable.FindCause(exception)!.Message}"));
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            LogFailed(exception);
            refusal.Refuse(
                new StartRefusedException("The preparation failed for a reason that waiting does not cure: " + exception.Message));
        }
    }

    /// <returns>The reason to wait, or null if waiting cures nothing.</returns>
    private Setback? Explain(Exception exception)
    {
        if (exception is SchemaMissingException)
        {
            waitsFor = exception.Message;
            return new Setback(waitsFor, RetryIntervalOfRepairs);
        }

        if (database.Judge(exception) is not { Kind: FaultKind.Passing or FaultKind.Repairable } fault)
        {
            return null;
        }

        var isRepairable = fault.Kind == FaultKind.Repairable;
        waitsFor = isRepairable ? fault.Description : $"waiting for PostgreSQL: {fault.Description}";
        return new Setback(
            $"{waitsFor} ({DatabaseUnavailable.FindCause(exception)!.Message})", isRepairable ? RetryIntervalOfRepairs : RetryInterval);
    }

    private async Task<TimeSpan?> PrepareAsync(CancellationToken cancellationToken)
    {
        await RunAsync(cancellationToken);
        return null;
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        await primary.FindAsync(cancellationToken);
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        // Building the model takes as long as PostgreSQL's start, so it does not wait for it.
        _ = services.GetRequiredService<IdentityDb>().Model;

        // Replicas that start together take turns. The second one finds everything done.
        await using var turn = await services.GetRequiredService<PreparationLock>().TakeAsync(cancellationToken);
        await services.GetRequiredService<ReportDurability>().DemandAsync(cancellationToken);
        await services.GetRequiredService<Migrate>().RunAsync(cancellationToken);
        foreach (var step in services.GetServices<PreparationStep>())
        {
            await step.RunAsync(services, cancellationToken);
        }
    }

    [LoggerMessage(LogLevel.Information, "Schema, key ring and first users are in place")]
    private partial void LogComplete();

    [LoggerMessage(LogLevel.Critical, "The preparation failed")]
    private partial void LogFailed(Exception exception);

    [LoggerMessage(LogLevel.Warning, "Not ready: {Reason}")]
    private partial void LogWaiting(string reason);
}

internal static class PreparationServices
{
    public static IServiceCollection AddPreparation(this IServiceCollection services)
    {
        services.AddScoped<PreparationLock>().AddScoped<Migrate>();
        services.AddSingleton<Preparation>();
        services.AddHostedService(provider => provider.GetRequiredService<Preparation>());
        services.AddHealthChecks().Add(
            new HealthCheckRegistration(
                "preparation", provider => provider.GetRequiredService<Preparation>(), HealthStatus.Unhealthy, tags: null));
        return services;
    }

    /// <summary>Until the preparation is complete, every endpoint except the health endpoints answers 503.</summary>
    public static void UsePreparedGate(this WebApplication app)
    {
        var notReady = CommonFailures.Unavailable("not_ready", "The identity service is starting");
        // Resolved at the first request: by then the service has checked the settings that the database is built from.
        app.Use((context, next) =>
            context.RequestServices.GetRequiredService<Preparation>().IsComplete ? next(context) : notReady.ExecuteAsync(context));
    }
}
