using AuthMesh.Health;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;

namespace AuthMesh.Gateway.Streams;

/// <summary>
/// Recognizes the requests that begin a WebSocket: an upgrade over HTTP/1.1 (RFC 6455 §4.2.1), or an extended CONNECT over HTTP/2
/// (RFC 8441 §5). It accepts only the exact form. Two programs on the way might take another form in two ways, and only one of them would
/// see a tunnel.
/// </summary>
internal static class Handshake
{
    private const string WebSocket = "websocket";
    private const string Version = "13";
    private const int KeyBytes = 16, KeyLength = 24;

    /// <summary>Marks the request, if it is a well-formed handshake, for <see cref="StreamRequests"/> to judge its route.</summary>
    public static bool TryMark(HttpContext context)
    {
        if (!IsValid(context))
        {
            return false;
        }

        context.Features.Set(Mark.Instance);
        return true;
    }

    public static bool IsMarked(HttpContext context) => context.Features.Get<Mark>() is not null;

    private static bool IsValid(HttpContext context) => !HealthEndpoints.Answer(context.Request)
        && Is(context.Request.Headers.SecWebSocketVersion, Version)
        && context.Request.ContentLength is null && context.Request.Headers.TransferEncoding.Count == 0
        && (HttpMethods.IsConnect(context.Request.Method) ? IsConnect(context) : IsUpgrade(context));

    private static bool IsUpgrade(HttpContext context)
    {
        var request = context.Request;
        return HttpProtocol.IsHttp11(request.Protocol) && request.Method == HttpMethods.Get
            && context.Features.Get<IHttpUpgradeFeature>()?.IsUpgradableRequest is true
            && request.Headers.Upgrade is [{ } upgrade] && upgrade.Equals(WebSocket, StringComparison.OrdinalIgnoreCase)
            && request.Headers.SecWebSocketKey is [{ } key] && IsKey(key);
    }

    private static bool IsConnect(HttpContext context) =>
        context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true, Protocol: WebSocket }
        && context.Request.Headers.SecWebSocketKey.Count == 0; // HTTP/2 has none, and the service would get two

    private static bool IsKey(string key)
    {
        Span<byte> decoded = stackalloc byte[KeyBytes + 2];
        return key.Length == KeyLength && Convert.TryFromBase64String(key, decoded, out var written) && written == KeyBytes;
    }

    private static bool Is(StringValues header, string value) => header is [{ } only] && only == value;

    private sealed class Mark
    {
        public static readonly Mark Instance = new();
    }
}
