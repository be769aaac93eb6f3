using Microsoft.Net.Http.Headers;
using Yarp.ReverseProxy.Configuration;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Streams;

/// <summary>
/// Routes whose answers may stay open: WebSockets, event streams, and any other long GET. The metadata <c>Streaming: true</c> makes one;
/// <c>TokenInQuery: true</c> lets browsers send the token where their WebSocket and EventSource can. <c>Affinity: session</c> works on
/// every route for signed-in callers.
/// </summary>
internal static class StreamingRoutes
{
    private const string Streaming = "Streaming", TokenInQuery = "TokenInQuery", Affinity = "Affinity";
    private const string True = "true", Session = "session";

    /// <summary>
    /// Headers that pass on streaming routes only: those of a WebSocket handshake (RFC 6455 §11.3), and the place at which an EventSource
    /// goes on after a break (HTML Standard §9.2).
    /// </summary>
    public static IReadOnlyList<string> Headers { get; } =
        [
            HeaderNames.SecWebSocketKey, HeaderNames.SecWebSocketVersion, HeaderNames.SecWebSocketProtocol,
            HeaderNames.SecWebSocketExtensions, "Last-Event-ID",
        ];

    public static bool IsStreaming(RouteConfig? route) => Has(route, Streaming, True);

    public static bool IsStreaming(Endpoint? endpoint) => IsStreaming(endpoint?.Metadata.GetMetadata<RouteModel>()?.Config);

    public static bool TakesTokenInQuery(Endpoint? endpoint) =>
        Has(endpoint?.Metadata.GetMetadata<RouteModel>()?.Config, TokenInQuery, True);

    public static bool HasAffinity(RouteConfig route) => Has(route, Affinity, Session);

    /// <exception cref="InvalidOperationException">The metadata contradict each other or the rest of the route.</exception>
    public static void Check(RouteConfig route, string key)
    {
        CheckValue(route, key, Streaming, True);
        CheckValue(route, key, TokenInQuery, True);
        CheckValue(route, key, Affinity, Session);
        var isAnonymous = route.AuthorizationPolicy == "anonymous";
        Refuse(
            HasAffinity(route) && isAnonymous,
            $"{key}:Metadata has {Affinity}, and {key}:AuthorizationPolicy is anonymous. Only signed-in callers have a session.");
        if (!IsStreaming(route))
        {
            Refuse(
                Has(route, TokenInQuery, True),
                $"{key}:Metadata has {TokenInQuery} without {Streaming}. Other requests send their token in the Authorization header.");
            return;
        }

        Refuse(
            isAnonymous,
            $"{key}:Metadata has {Streaming}, and {key}:AuthorizationPolicy is anonymous. A stream ends with the session of its caller: "
            + "write signed-in or admin.");
        Refuse(
            route.Match.Methods!.Any(method => method is not ("GET" or "CONNECT")) || !route.Match.Methods!.Contains(HttpMethods.Get),
            $"{key}:Match:Methods has other methods than GET. A streaming route answers GET, and CONNECT, which begins a WebSocket over "
            + "HTTP/2. Write a second route for the other methods.");
        Refuse(
            route.TimeoutPolicy is not null || route.Timeout is not null,
            $"{key} has a Timeout or a TimeoutPolicy. Leave them out: streams stay open. Gateway:Streams:IdleTimeout ends idle ones.");
        Refuse(
            route.MaxRequestBodySize is not (null or 0), $"{key}:MaxRequestBodySize is not 0. A request that opens a stream has no body.");
    }

    /// <summary>Adds what follows from <c>Streaming</c>.</summary>
    public static RouteConfig Complete(RouteConfig route) => route with
    {
        Match = route.Match with { Methods = null }, // the proxy knows no CONNECT; AddMethods does
        TimeoutPolicy = "Disable",
        MaxRequestBodySize = 0,
    };

    /// <summary>Adds the methods to the endpoint of a streaming route.</summary>
    public static void AddMethods(EndpointBuilder endpoint, RouteConfig route)
    {
        if (IsStreaming(route))
        {
            endpoint.Metadata.Add(new HttpMethodMetadata([HttpMethods.Get, HttpMethods.Connect], route.CorsPolicy is not null));
        }
    }

    private static bool Has(RouteConfig? route, string metadata, string value) => route?.Metadata?.GetValueOrDefault(metadata) == value;

    private static void CheckValue(RouteConfig route, string key, string metadata, string value) => Refuse(
        route.Metadata?.GetValueOrDefault(metadata) is { } set && set != value,
        $"{key}:Metadata:{metadata} is {route.Metadata?.GetValueOrDefault(metadata)}. Write {value}, or leave it out.");

    private static void Refuse(bool isWrong, string problem)
    {
        if (isWrong)
        {
            throw new InvalidOperationException(problem);
        }
    }
}
