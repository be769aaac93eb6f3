using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Keys;
using AuthMesh.Metrics;
using AuthMesh.Revocations;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Health;

/// <summary>
/// <c>/health/live</c>: the process answers. <c>/health/ready</c>: it can do its work, or it names what it waits for. Both run before
/// routing, so that no policy and no handler of the service can break them.
/// </summary>
internal sealed class HealthEndpoints(HealthCheckService checks) : IStartupFilter
{
    private const string LivePath = "/health/live", ReadyPath = "/health/ready";

    /// <summary>Whether a request is for one of the two paths, which no other middleware may refuse.</summary>
    public static bool Answer(HttpRequest request) => request.Path.Value is LivePath or ReadyPath;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) => context.Request.Path.Value switch
        {
            LivePath => AnswerAsync(context, Live),
            ReadyPath => AnswerAsync(context, ReadyAsync),
            _ => proceed(context),
        });
        next(app);
    };

    private static Task AnswerAsync(HttpContext context, Func<HttpContext, Task> answer)
    {
        context.LeaveOutOfMetrics();
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        {
            return answer(context);
        }

        context.Response.Headers.Allow = "GET, HEAD";
        return CommonFailures.FromStatus(StatusCodes.Status405MethodNotAllowed).ExecuteAsync(context);
    }

    private static Task Live(HttpContext context) => WriteAsync(context, "Live");

    private async Task ReadyAsync(HttpContext context)
    {
        var report = await checks.CheckHealthAsync(context.RequestAborted);
        var reasons = report.Entries.Where(entry => entry.Value.Status != HealthStatus.Healthy)
            .Select(entry => entry.Value.Description ?? entry.Key);
        switch (report.Status)
        {
            case HealthStatus.Healthy:
                await WriteAsync(context, "Ready");
                break;
            case HealthStatus.Degraded: // it can do part of its work; taking it out of rotation would not help
                await WriteAsync(context, "Ready, but degraded: " + string.Join("; ", reasons));
                break;
            default:
                await CommonFailures.Unavailable("not_ready", "Not ready: " + string.Join("; ", reasons)).ExecuteAsync(context);
                break;
        }
    }

    private static Task WriteAsync(HttpContext context, string message)
    {
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(new HealthBody("success", message), HealthJson.Default.HealthBody);
    }
}

internal sealed record HealthBody(string Status, string Message);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(HealthBody))]
internal sealed partial class HealthJson : JsonSerializerContext;

internal sealed class KeysHealth(IVerificationKeys keys) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(keys.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("waiting for the signing keys"));
}

internal static class HealthServices
{
    public static void AddHealth(this IServiceCollection services)
    {
        services.AddHealthChecks().AddCheck<KeysHealth>("keys").AddCheck<RevocationsHealth>("revocations");
        services.AddSingleton<IStartupFilter, HealthEndpoints>();
        // This category logs an error for every probe of a service that still starts. The service's own log says what it waits for.
        services.AddLogging(logging => logging.AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None));
    }
}
