using System.Diagnostics;
using AuthMesh.Logs;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace AuthMesh.Gateway;

/// <summary>
/// Continues a caller's trace but drops its baggage. Baggage carries values such as a user id, services trust it as their own, and every
/// tracer forwards it automatically. It would be an identity header that bypasses the allow-list.
/// </summary>
/// <remarks>
/// The framework makes an <see cref="Activity"/> for each request if anything listens: OTLP, an <see cref="ActivityListener"/>, a log with
/// scopes. Our own console log needs none, because it takes the trace id from <see cref="RequestTrace"/>.
/// </remarks>
internal sealed class TraceContext : DistributedContextPropagator
{
    private static readonly DistributedContextPropagator Full = CreateDefaultPropagator();

    public override IReadOnlyCollection<string> Fields => Full.Fields;

    public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter) =>
        Full.Inject(activity, carrier, setter);

    public override void ExtractTraceIdAndState(
        object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState) =>
        Full.ExtractTraceIdAndState(carrier, getter, out traceId, out traceState);

    public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) => null;
}

/// <summary>Begins the trace of a request that has no activity, and passes it on.</summary>
internal sealed class TraceWithoutActivity : IStartupFilter, ITransformProvider
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            RequestTrace.Begin(context.Request);
            return proceed(context);
        });
        next(app);
    };

    public void Apply(TransformBuilderContext context) => context.AddRequestTransform(static request =>
    {
        RequestTrace.AddTo(request.ProxyRequest.Headers);
        return ValueTask.CompletedTask;
    });

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }
}

internal static class TraceContextServices
{
    // The framework makes an activity, and a scope for logs, wherever this category logs anything. It logs nothing at Warning or above.
    private const string Hosting = "Microsoft.AspNetCore.Hosting.Diagnostics";

    public static void AddTraceContext(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSingleton<DistributedContextPropagator, TraceContext>();
        Sdk.SetDefaultTextMapPropagator(new TraceContextPropagator()); // OpenTelemetry uses its own propagator
        services.AddSingleton<IStartupFilter, TraceWithoutActivity>();
        services.PostConfigure<LoggerFilterOptions>(options =>
        {
            if (LogServices.HasOwnFormat(builder.Configuration)
                && services.Where(service => service.ServiceType == typeof(ILoggerProvider)).All(IsConsole))
            {
                options.Rules.Add(new LoggerFilterRule(null, Hosting, LogLevel.None, null));
            }
        });
    }

    private static bool IsConsole(ServiceDescriptor provider) => provider.ImplementationType == typeof(ConsoleLoggerProvider);
}
