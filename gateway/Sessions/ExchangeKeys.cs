using AuthMesh.Errors;
using AuthMesh.Gateway.Resources;
using AuthMesh.Gateway.Streams;
using AuthMesh.Tokens;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Runs before authentication and replaces a key by its access token, as <see cref="SessionCookies"/> does for a cookie, on the same
/// routes. No service sees a key. On other routes, the gateway only removes it.
/// </summary>
internal sealed partial class ExchangeKeys(
    RequestDelegate next, ExchangeCredential exchange, SessionTokens tokens, SessionMetrics metrics, ILogger<ExchangeKeys> logger)
{
    private static readonly Failure Doubled = TokenRefusal.Doubled().Failure;

    public Task InvokeAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (!ApiKey.IsIn(headers.Authorization))
        {
            return next(context);
        }

        var endpoint = context.GetEndpoint();
        if (SessionCookies.UseFor(endpoint) is not (CookieUse.Required or CookieUse.IfUsable))
        {
            headers.Authorization = ApiKey.RemoveFrom(headers.Authorization);
            return next(context);
        }

        if (headers.Authorization.Count > 1)
        {
            return Doubled.ExecuteAsync(context);
        }

        var text = ApiKey.Present(headers.Authorization);
        var audience = RouteAudience.Of(endpoint);
        if (text.Length == KeyText.Length && !StreamingRoutes.IsStreaming(endpoint)
            && tokens.FindHeld(new(TokenDigest.Of(text), audience)) is { } token)
        {
            metrics.CountRememberedKey();
            headers.Authorization = token.Authorization;
            return next(context);
        }

        return ExchangeAsync(context, ApiKey.TryParse(text, audience));
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
