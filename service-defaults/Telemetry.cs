using AuthMesh.Metrics;
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
    /// Exports logs, metrics and traces over OTLP if <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> is set, and shows metrics to Prometheus if
    /// <c>AuthMesh:MetricsUrl</c> is. With neither, it collects nothing.
    /// </summary>
    public static void AddTelemetry(this IHostApplicationBuilder builder)
    {
        var text = new PrometheusText();
        var isScraped = MetricsEndpoint.Add(builder, text) is not null;
        var isExported = !string.IsNullOrWhiteSpace(builder.Configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]);
        if (!isScraped && !isExported)
        {
            return;
        }

        var telemetry = builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService(builder.Environment.ApplicationName))
            .WithMetrics(metrics => metrics
                .AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddRuntimeInstrumentation()
                .AddMeter("AuthMesh.*", "Npgsql"));
        builder.Services.Insert(0, ServiceDescriptor.Singleton<IHostedService, MetricsFirst>());
        if (isScraped)
        {
            telemetry.WithMetrics(metrics => metrics.AddReader(new BaseExportingMetricReader(text)));
        }

        if (isExported)
        {
            builder.Logging.AddOpenTelemetry(); // without scopes: a request's scope holds its path, which may hold a token
            telemetry.WithTracing(tracing => tracing
                    .AddAspNetCoreInstrumentation().AddHttpClientInstrumentation().AddSource("AuthMesh.*", "Npgsql", "Yarp.ReverseProxy"))
                .UseOtlpExporter();
        }
    }

    /// <summary>Makes the collector of metrics now, before the endpoints of a program make instruments.</summary>
    public static void Begin(IServiceProvider services) => _ = services.GetService<MeterProvider>();

    /// <summary>
    /// Makes the collector of metrics before any other hosted service and what these need. Instruments count zeros when they are made, so
    /// that a series exists before its first event: Prometheus sees no increase in a series that begins with 1.
    /// </summary>
    private sealed class MetricsFirst : IHostedService
    {
        public MetricsFirst(MeterProvider meters) => ArgumentNullException.ThrowIfNull(meters);

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
