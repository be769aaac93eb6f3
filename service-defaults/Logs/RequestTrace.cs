using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace AuthMesh.Logs;

/// <summary>
/// The trace of a request for which nobody collects activities: the caller's trace (W3C Trace Context §3.2), or a new one. An
/// <see cref="Activity"/> costs a fourth of a guarded request and would only carry these texts.
/// </summary>
internal sealed class RequestTrace
{
    private const int IdStart = 3, IdLength = 32; // of the trace id in 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

    private static readonly AsyncLocal<RequestTrace?> Now = new();

    private RequestTrace(string parent, StringValues state) => (Parent, State) = (parent, state);

    /// <summary>The trace id of the current request, by its activity or without one; null outside a request.</summary>
    public static string? CurrentId => Activity.Current?.TraceId.ToHexString() ?? Now.Value?.Id;

    /// <summary>The trace of the current request; null if the request has an activity.</summary>
    public static RequestTrace? Current => Activity.Current is null ? Now.Value : null;

    /// <summary>The value of <c>traceparent</c> for the next service.</summary>
    public string Parent { get; }

    /// <summary>The values of <c>tracestate</c> for the next service.</summary>
    public StringValues State { get; }

    private string Id => Parent.Substring(IdStart, IdLength);

    /// <summary>Makes the trace of this request the current one for all code that it calls, unless the request has an activity.</summary>
    public static void Begin(HttpRequest request)
    {
        if (Activity.Current is null)
        {
            Now.Value = request.Headers.TraceParent is [{ } parent] && IsValid(parent)
                ? new(parent, request.Headers.TraceState)
                : new(NewParent(), default); // a state belongs to its parent (§4.3)
        }
    }

    // The runtime's parser ignores the characters between the parts.
    private static bool IsValid(string parent) =>
        ActivityContext.TryParse(parent, null, out _) && parent[2] == '-' && parent[35] == '-' && parent[52] == '-';

    private static string NewParent() => string.Create(55, 0, static (text, _) =>
    {
        Span<byte> random = stackalloc byte[24];
        RandomNumberGenerator.Fill(random);
        random[0] |= 1; // an id of zeros is invalid
        random[16] |= 1;
        "00-".CopyTo(text);
        Convert.TryToHexStringLower(random[..16], text[IdStart..], out _);
        text[35] = '-';
        Convert.TryToHexStringLower(random[16..], text[36..], out _);
        "-00".CopyTo(text[52..]); // not sampled: nobody collects it
    });
}
