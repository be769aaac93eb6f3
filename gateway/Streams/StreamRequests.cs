using System.Buffers;
using System.Text;
using AuthMesh.Errors;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthMesh.Gateway.Streams;

/// <summary>
/// Judges requests for streams, after routing and before the session cookie. A handshake passes on streaming routes only. A stream is read
/// by the page that opened it, and browsers let any page open one with its visitor's cookie. So the cookie counts only for our own pages.
/// </summary>
internal sealed partial class StreamRequests(RequestDelegate next, RequestOrigins origins, ILogger<StreamRequests> logger)
{
    private const string AccessToken = "access_token"; // RFC 6750 §2.3

    // RFC 6750 §2.1. Anything else could not be a header's value.
    private static readonly SearchValues<char> TokenCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=");

    private static readonly Failure Doubled = CommonFailures.InvalidRequest("More than one access token"); // RFC 6750 §2

    public Task InvokeAsync(HttpContext context)
    {
        var endpoint = context.GetEndpoint();
        var isHandshake = Handshake.IsMarked(context);
        if (!StreamingRoutes.IsStreaming(endpoint))
        {
            return isHandshake ? Upgrades.RefuseAsync(context) : next(context);
        }

        if (isHandshake && HttpMethods.IsGet(context.Request.Method))
        {
            // A client may have sent bytes for the tunnel already. Unless the tunnel opens, they must not be read as a request.
            context.Response.OnStarting(static state => CloseUnlessSwitched((HttpContext)state), context);
        }

        if (StreamingRoutes.TakesTokenInQuery(endpoint) && TakeToken(context.Request) is { } failure)
        {
            return failure.ExecuteAsync(context);
        }

        if (origins.Of(context.Request) == RequestOrigin.Foreign && !CrossSite.BringsBearerToken(context.Request))
        {
            LogRefused();
            return CrossSite.Refused.ExecuteAsync(context);
        }

        return next(context);
    }

    private static Task CloseUnlessSwitched(HttpContext context)
    {
        if (context.Response.StatusCode != StatusCodes.Status101SwitchingProtocols)
        {
            context.Response.Headers.Connection = "close";
        }

        return Task.CompletedTask;
    }

    /// <summary>Moves the token from the query into the header, so that nothing behind the gateway sees it in an address.</summary>
    private static Failure? TakeToken(HttpRequest request)
    {
        var kept = new StringBuilder();
        string? token = null;
        foreach (var pair in new QueryStringEnumerable(request.QueryString.Value))
        {
            // The service may compare names without case, and would find what this left behind.
            if (!pair.DecodeName().Span.Equals(AccessToken, StringComparison.OrdinalIgnoreCase))
            {
                kept.Append(kept.Length == 0 ? '?' : '&').Append(pair.EncodedName.Span).Append('=').Append(pair.EncodedValue.Span);
                continue;
            }

            if (token is not null)
            {
                return Doubled;
            }

            token = pair.DecodeValue().ToString();
        }

        if (token is null)
        {
            return null;
        }

        if (request.Headers.Authorization.Count > 0)
        {
            return Doubled;
        }

        if (token.Length == 0 || token.AsSpan().ContainsAnyExcept(TokenCharacters))
        {
            return CommonFailures.InvalidToken();
        }

        request.QueryString = new QueryString(kept.ToString());
        request.Headers.Authorization = "Bearer " + token;
        return null;
    }

    [LoggerMessage(LogLevel.Information, "Cross-origin stream refused")]
    private partial void LogRefused();
}
