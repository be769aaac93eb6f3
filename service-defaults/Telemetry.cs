using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace AuthMesh;

internal static class Telemetry
{
    /// <summary>
    /// Exports logs, metrics and traces over OTLP if <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set. Otherwise it collects nothing.
    /// </summary>
    public static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]))
        {
            return;
        }

        builder.Logging.AddOpenTelemetry(); // without scopes: a request's scope holds its path, which may hold a token
        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(builder.Environment.ApplicationName))
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddRuntimeInstrumentation().AddMeter("AuthMesh.*", "Npgsql"))
            .WithTracing(tracing => tracing
                .AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddSource("AuthMesh.*", "Npgsql", "Yarp.ReverseProxy"))
            .UseOtlpExporter();
    }
}
