using AuthMesh.Health;
using AuthMesh.Metrics;

namespace AuthMesh.Gateway.Connections;

/// <summary>
/// Knows the requests of probes and of Prometheus. They call addresses instead of names, and plain http where the public address is https.
/// So the rules of the edge do not apply to them.
/// </summary>
internal sealed class Probes(InnerEndpoint? inner = null, MetricsEndpoint? metrics = null)
{
    /// <summary>Whether the request gets a health answer, or came to an inner address, which answers nothing that is public.</summary>
    public bool AreAnswered(HttpContext context) =>
        HealthEndpoints.Answer(context.Request) || IsAt(context, inner?.Port) || IsAt(context, metrics?.Port);

    private static bool IsAt(HttpContext context, int? port) => port is not null && context.Connection.LocalPort == port;
}
