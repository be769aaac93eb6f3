using AuthMesh.Errors;
using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Gateway.Streams;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Puts the access token of a credential on its request. Each question to the identity service counts as a request of the client's network
/// before it is asked, so a flood of unknown credentials gets 429 however slow the identity service is. A refused request counts too.
/// </summary>
internal sealed class ExchangeCredential(SessionTokens tokens, RateLimits rates)
{
    /// <param name="context">The request. With a token, its Authorization header is replaced.</param>
    /// <param name="credential">The credential; null if it is malformed.</param>
    public async ValueTask<Outcome> RunAsync(HttpContext context, Credential? credential)
    {
        var isStream = StreamingRoutes.IsStreaming(context.GetEndpoint());
        var isCounted = false;
        Failure? Count()
        {
            isCounted = true;
            return rates.CountStranger(context);
        }

        var exchanged = credential is null ? Exchanged.Refused
            : isStream ? await tokens.FindFreshAsync(credential, Count, context.RequestAborted)
            : await tokens.FindAsync(credential, Count, context.RequestAborted);
        if (exchanged.Token is { } token)
        {
            context.Request.Headers.Authorization = token.Authorization;
            if (isStream)
            {
                context.Features.Set(new StreamCredential(credential!, token));
            }

            return new(exchanged, IsRefused: false);
        }

        var isRefused = exchanged.Failure?.Status == StatusCodes.Status401Unauthorized;
        return new(isRefused && !isCounted && Count() is { } tooMany ? new Exchanged(null, tooMany) : exchanged, isRefused);
    }

    /// <param name="Exchanged">The token, or the answer.</param>
    /// <param name="IsRefused">Whether the credential opens nothing. Otherwise the gateway could not or would not find out.</param>
    internal readonly record struct Outcome(Exchanged Exchanged, bool IsRefused);
}
