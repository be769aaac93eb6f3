using AuthMesh.Errors;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway.RateLimiting;

/// <summary>
/// Answers 429 to clients that send more requests than the class of the route allows. It counts anonymous clients before anything is spent
/// on their requests, and callers by session once their token is known. What the gateway answers by itself is not counted, because a
/// refusal costs as much: health, preflights, and paths without a route.
/// </summary>
internal sealed class RateLimits(IOptions<GatewayOptions> gateway, TimeProvider clock, RefusedRequests refused)
{
    private readonly RateCounts
        anonymous = Counts(gateway.Value.RateLimits.Anonymous, clock),
        signIn = Counts(gateway.Value.RateLimits.SignIn, clock),
        signedIn = Counts(gateway.Value.RateLimits.SignedIn, clock);

    private readonly LimitedClients clients = new(gateway.Value, gateway.Value.RateLimits.LimitLoopback);

    /// <summary>The step before authentication: counts the requests of anonymous routes by network.</summary>
    public RequestDelegate ByNetwork(RequestDelegate next) => context =>
    {
        var rate = RateClass.Of(context);
        var refusal = rate == RateClass.Anonymous ? CountNetwork(context, RequestLimit.Anonymous)
            : rate == RateClass.SignIn ? CountNetwork(context, RequestLimit.SignIn)
            : null;
        return refusal is null ? next(context) : refusal.ExecuteAsync(context);
    };

    /// <summary>The step before the framework verifies a token that is not cached, which costs far more than a refusal.</summary>
    public RequestDelegate BeforeNewToken(RequestDelegate next, Predicate<HttpContext> isKnown) => context =>
        RateClass.Of(context) == RateClass.SignedIn && !isKnown(context) && RefuseStranger(context) is { } refusal
            ? refusal.ExecuteAsync(context)
            : next(context);

    /// <summary>The step after authentication: counts the requests of other routes by session.</summary>
    public RequestDelegate BySession(RequestDelegate next) => context =>
        RateClass.Of(context) == RateClass.SignedIn && CountCaller(context) is { } refusal ? refusal.ExecuteAsync(context) : next(context);

    /// <summary>
    /// Refuses a request that brings an unknown token from a network whose anonymous requests are used up. Callers with a cached token in
    /// the same network do not come here.
    /// </summary>
    public Failure? RefuseStranger(HttpContext context) =>
        RateClass.Of(context) == RateClass.SignedIn ? CountNetwork(context, RequestLimit.Anonymous, counts: false) : null;

    /// <summary>Counts a request whose token was not good, or that makes the gateway ask about its cookie or key.</summary>
    public Failure? CountStranger(HttpContext context) =>
        RateClass.Of(context) == RateClass.SignedIn ? CountNetwork(context, RequestLimit.Anonymous) : null;

    private static RateCounts Counts(RateOptions options, TimeProvider clock) =>
        new(Rate.Of(options.Requests, options.Window, clock.TimestampFrequency));

    private Failure? CountCaller(HttpContext context)
    {
        if (VerifiedToken.Of(context) is not { } token)
        {
            return CountStranger(context); // the next step answers 401
        }

        // Cookies and tokens of a session share its count, wherever they come from. The address only says whether the caller is local.
        return clients.IsLocal(context.Connection.RemoteIpAddress)
            ? null
            : Refuse(signedIn.Judge(RateKey.Of(token.SessionId), clock.GetTimestamp()), RequestLimit.SignedIn, token.SessionId);
    }

    private Failure? CountNetwork(HttpContext context, RequestLimit limit, bool counts = true) =>
        clients.Find(context.Connection.RemoteIpAddress) is { } network
            ? Refuse(CountsOf(limit).Judge(RateKey.Of(network), clock.GetTimestamp(), counts), limit, network)
            : null;

    private RateCounts CountsOf(RequestLimit limit) => limit == RequestLimit.SignIn ? signIn : anonymous;

    private Failure? Refuse<T>(long wait, RequestLimit limit, T caller)
        where T : notnull
    {
        if (wait == 0)
        {
            return null;
        }

        refused.Count(limit, caller);
        var retryAfter = clock.GetElapsedTime(0, wait);
        return limit == RequestLimit.SignedIn
            ? CommonFailures.TooManyRequests("Too many requests of this session", retryAfter)
            : CommonFailures.TooManyRequests("Too many requests from your network", retryAfter);
    }
}

internal static class RateLimitsPipeline
{
    /// <summary>Adds the step before authentication. The guard adds the others.</summary>
    public static void UseRateLimits(this WebApplication app) =>
        app.Use(next => app.Services.GetRequiredService<RateLimits>().ByNetwork(next)); // not earlier: bad settings are refused first
}
