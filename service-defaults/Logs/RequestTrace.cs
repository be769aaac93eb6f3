using System.Diagnostics;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Logs;

/// <summary>
/// The trace of a request for which nobody collects activities: the caller's trace (W3C Trace Context §3.2), or a new one. An
/// <see cref="Activity"/> would allocate half as much again as all the rest of a guarded request, only to carry these texts.
/// </summary>
internal sealed class RequestTrace
{
    private const int IdStart = 3, IdLength = 32; // of the trace id in 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

    private static readonly AsyncLocal<RequestTrace?> Now = new();

    private RequestTrace(string parent, StringValues state) => (Parent, State) = (parent, state);

    /// <summary>The trace id of the current request, by its activity or without one; null outside a request.</summary>
    public static string? CurrentId => Activity.Current?.TraceId.ToHexString() ?? Now.Value?.Id;

    private string Parent { get; }

    private StringValues State { get; }

    private string Id => Parent.Substring(IdStart, IdLength);

    /// <summary>Makes the trace of this request the current one for all code that it calls, unless the request has an activity.</summary>
    public static void Begin(HttpRequest request)
    {
        if (Activity.Current is null)
        {
            var (parents, state) = (request.Headers.TraceParent, request.Headers.TraceState);
            Now.Value = parents is [{ } parent] && ActivityContext.TryParse(parent, null, out var caller) && HasHyphens(parent)
                ? new(IsOfThisVersion(parent) ? parent : Write(caller), IsState(state) ? state : default)
                : new(NewParent(), default); // a state belongs to its parent (§4.3)
        }
    }

    /// <summary>Passes the trace on to the next service. With an activity, the HTTP client does so.</summary>
    public static void AddTo(HttpRequestHeaders headers)
    {
        if (Activity.Current is null && Now.Value is { } trace)
        {
            headers.Remove(HeaderNames.TraceParent);
            headers.Remove(HeaderNames.TraceState);
            headers.TryAddWithoutValidation(HeaderNames.TraceParent, trace.Parent);
            if (trace.State.Count > 0)
            {
                headers.TryAddWithoutValidation(HeaderNames.TraceState, (IEnumerable<string?>)trace.State);
            }
        }
    }

    // The runtime's parser ignores the characters between the parts.
    private static bool HasHyphens(string parent) => parent[2] == '-' && parent[35] == '-' && parent[52] == '-';

    // §4.3: a text of a later version may be longer, and is written again as one of this version.
    private static bool IsOfThisVersion(string parent) => parent.Length == 55 && parent.StartsWith("00", StringComparison.Ordinal);

    private static string Write(ActivityContext caller) =>
        $"00-{caller.TraceId.ToHexString()}-{caller.SpanId.ToHexString()}-{(byte)caller.TraceFlags:x2}";

    // §3.3: printable ASCII. A service may drop what is longer than 512 characters.
    private static bool IsState(StringValues state)
    {
        var length = 0;
        foreach (var value in state)
        {
            if (value is null || value.AsSpan().ContainsAnyExceptInRange(' ', '~') || (length += value.Length) > 512)
            {
                return false;
            }
        }

        return true;
    }

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
