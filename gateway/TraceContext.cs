using System.Diagnostics;
using OpenTelemetry;
using OpenTelemetry.Context.Propagation;

namespace AuthMesh.Gateway;

/// <summary>
/// Continues a caller's trace, and drops the baggage that comes with it. Baggage is for values such as a user's id, services read it as
/// their own, and every tracer passes it on unasked: an identity header past the list of headers.
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
        Sdk.SetDefaultTextMapPropagator(new TraceContextPropagator()); // OpenTelemetry has a propagator of its own
    }
}
