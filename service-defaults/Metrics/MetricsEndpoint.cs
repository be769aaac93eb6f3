using AuthMesh.Errors;
using AuthMesh.Health;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthMesh.Metrics;

/// <summary>
/// Answers <c>/metrics</c> to Prometheus at an inner address of its own, <see cref="AuthMeshOptions.MetricsUrl"/>, and never at another.
/// Metrics show how busy the mesh is and which of its limits are reached, which helps an attacker. Besides, this address answers only
/// health requests, so that a network rule for the monitoring opens nothing else.
/// </summary>
internal sealed class MetricsEndpoint : IStartupFilter
{
    private const string Setting = $"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.MetricsUrl)}";

    private static readonly Failure NotFound = CommonFailures.FromStatus(StatusCodes.Status404NotFound);
    private static readonly Failure Unreadable = CommonFailures.FromStatus(StatusCodes.Status503ServiceUnavailable);

    private readonly PrometheusText text;

    private MetricsEndpoint(PrometheusText text, string url, int port) => (this.text, Url, Port) = (text, url, port);

    public string Url { get; }

    public int Port { get; }

    /// <summary>Adds the configured address. It skips an unusable one; the check of all settings then reports the reason.</summary>
    public static MetricsEndpoint? Add(IHostApplicationBuilder builder, PrometheusText text)
    {
        if (builder.Configuration[Setting] is not { Length: > 0 } url
            || ListeningAddress.TryAdd(builder.Configuration, "AuthMeshMetrics", url) is not { } port)
        {
            return null;
        }

        var endpoint = new MetricsEndpoint(text, url, port);
        builder.Services.AddSingleton(endpoint).AddSingleton<IStartupFilter>(endpoint);
        builder.Properties[typeof(MetricsEndpoint)] = endpoint;
        return endpoint;
    }

    /// <summary>The address that <see cref="Add"/> added; null if none.</summary>
    public static MetricsEndpoint? Of(IHostApplicationBuilder builder) =>
        builder.Properties.TryGetValue(typeof(MetricsEndpoint), out var added) ? (MetricsEndpoint)added : null;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
            context.Connection.LocalPort != Port || HealthEndpoints.Answer(context.Request) ? proceed(context)
            : context.Request.Path.Value is not "/metrics" ? NotFound.ExecuteAsync(context)
            : AnswerAsync(context));
        next(app);
    };

    private async Task AnswerAsync(HttpContext context)
    {
        if (!HttpMethods.IsGet(context.Request.Method) && !HttpMethods.IsHead(context.Request.Method))
        {
            context.Response.Headers.Allow = "GET, HEAD";
            await CommonFailures.FromStatus(StatusCodes.Status405MethodNotAllowed).ExecuteAsync(context);
            return;
        }

        context.LeaveOutOfMetrics();
        if (text.Read() is not { } metrics)
        {
            await Unreadable.ExecuteAsync(context);
            return;
        }

        context.Response.Headers.CacheControl = "no-store";
        context.Response.ContentType = PrometheusText.ContentType;
        await context.Response.WriteAsync(metrics, context.RequestAborted);
    }
}
