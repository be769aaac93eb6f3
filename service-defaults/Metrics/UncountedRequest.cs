using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AuthMesh.Metrics;

internal static class UncountedRequest
{
    /// <summary>Leaves this request out of the framework's metrics: scrapes and probes are not what people look for in a graph.</summary>
    public static void LeaveOutOfMetrics(this HttpContext context)
    {
        if (context.Features.Get<IHttpMetricsTagsFeature>() is { } counted) // only while something collects metrics
        {
            counted.MetricsDisabled = true;
        }
    }
}
