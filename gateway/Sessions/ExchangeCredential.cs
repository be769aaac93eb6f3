using AuthMesh.Gateway.RateLimiting;
using AuthMesh.Gateway.Streams;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Puts the access token of a credential on its request. Refused credentials count against the client's network, and a network that has
/// used up its count gets 429 without a question to the identity service.
/// </summary>
internal sealed class ExchangeCredential(SessionTokens tokens, RateLimits rates)
{
    /// <param name="context">The request. With a token, its Authorization header is replaced.</param>
    /// <param name="credential">The credential; null if it is malformed.</param>
    public async ValueTask<Outcome> RunAsync(HttpContext context, Credential? credential)
    {
        var isStream = StreamingRoutes.IsStreaming(context.GetEndpoint());
        var exchanged = credential is null ? Exchanged.Refused
            : !tokens.Holds(credential) && rates.RefuseStranger(context) is { } refusal ? new Exchanged(null, refusal)
            : isStream ? await tokens.FindFreshAsync(credential)
            : await tokens.FindAsync(credential); // to its end, even if the client leaves: a refusal counts then, too
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
        return new(isRefused && rates.CountStranger(context) is { } tooMany ? new Exchanged(null, tooMany) : exchanged, isRefused);
    }

    /// <param name="Exchanged">The token, or the answer.</param>
    /// <param name="IsRefused">Whether the credential opens nothing. Otherwise the gateway could not or would not find out.</param>
    internal readonly record struct Outcome(Exchanged Exchanged, bool IsRefused);
}
