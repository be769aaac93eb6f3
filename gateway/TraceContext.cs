using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;

namespace AuthMesh.Gateway;

/// <summary>
/// Continues a caller's trace but drops its baggage. Baggage carries values such as a user id, services trust it as their own, and every
/// tracer forwards it automatically. It would be an identity header that bypasses the allow-list.
/// </summary>
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

internal static class TraceContextServices
{
    public static void AddTraceContext(this IServiceCollection services)
    {
        services.AddSingleton<DistributedContextPropagator, TraceContext>();
        Sdk.SetDefaultTextMapPropagator(new TraceContextPropagator()); // OpenTelemetry uses its own propagator
    }
}
