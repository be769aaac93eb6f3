using AuthMesh.Errors;
using AuthMesh.Gateway.Streams;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authorization;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Runs before authentication and replaces a key by its access token, as <see cref="SessionCookies"/> does for a cookie. No service sees a
/// key. A route for everybody knows no callers by key, so the gateway only removes it there.
/// </summary>
internal sealed partial class ExchangeKeys(
    RequestDelegate next, ExchangeCredential exchange, SessionTokens tokens, SessionMetrics metrics, ILogger<ExchangeKeys> logger)
{
    private static readonly Failure
        Doubled = TokenRefusal.Doubled().Failure,
        InAddress = CommonFailures.InvalidRequest("A key belongs into the header Authorization. Logs keep addresses: delete this key");

    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (context.Request.QueryString is { HasValue: true, Value: var query } && ApiKey.IsIn(query.AsSpan()))
        {
            return InAddress.ExecuteAsync(context);
        }

        if (!ApiKey.IsIn(headers.Authorization))
        {
            return next(context);
        }

        var endpoint = context.GetEndpoint();
        if (endpoint?.Metadata.GetMetadata<RouteModel>() is null || endpoint.Metadata.GetMetadata<IAllowAnonymous>() is not null)
        {
            headers.Authorization = ApiKey.RemoveFrom(headers.Authorization);
            return next(context);
        }

        if (headers.Authorization.Count > 1)
        {
            return Doubled.ExecuteAsync(context);
        }

        var text = ApiKey.Present(headers.Authorization);
        if (text.Length == KeyText.Length && !StreamingRoutes.IsStreaming(endpoint) && tokens.FindHeld(TokenDigest.Of(text)) is { } token)
        {
            metrics.CountRememberedKey();
            headers.Authorization = token.Authorization;
            return next(context);
        }

        return ExchangeAsync(context, ApiKey.TryParse(text));
    }

    private async Task ExchangeAsync(HttpContext context, ApiKey? key)
    {
        var (exchanged, isRefused) = await exchange.RunAsync(context, key);
        if (isRefused)
        {
            LogRefused(key is null ? "malformed" : "it has ended, or is unknown");
        }

        await (exchanged.Failure is { } failure ? failure.ExecuteAsync(context) : next(context));
    }

    [LoggerMessage(LogLevel.Information, "Key refused: {Reason}")]
    private partial void LogRefused(string reason);
}
