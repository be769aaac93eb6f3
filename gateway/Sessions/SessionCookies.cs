using AuthMesh.Cookies;
using AuthMesh.Gateway.Resources;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Phantom tokens: runs before authentication and replaces a session cookie with its access token. From there on, a browser's request is
/// like any other. Services never see the cookie, and the browser never sees the token.
/// </summary>
internal sealed partial class SessionCookies(
    RequestDelegate next, ExchangeCredential exchange, SessionTokens tokens, RequestOrigins origins, IOptions<AuthMeshOptions> mesh,
    ILogger<SessionCookies> logger)
{
    /// <summary>
    /// The metadata of an anonymous route that still needs the cookie: <see cref="IfUsable"/> or <see cref="Passed"/>.
    /// </summary>
    public const string Metadata = "SessionCookie";

    /// <summary>The gateway exchanges the cookie, and ignores it if it has no live session.</summary>
    public const string IfUsable = "IfUsable";

    /// <summary>The gateway passes the cookie to the identity service unchanged, even beside a bearer token.</summary>
    public const string Passed = "Passed";

    // The identity service looks up each cookie. A browser has one; on plain http, other sites on the same host can plant a few more.
    private const int MostPassed = 10;

    private readonly string name = CookieNames.Session(mesh.Value.Issuer);

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var use = UseFor(context.GetEndpoint());
        return use == CookieUse.None
            || (use != CookieUse.Passed && HasToken(request.Headers.Authorization))
            || !TakesCookieFrom(origins.Of(request), request.Method)
            ? next(context)
            : use == CookieUse.Passed ? PassAsync(context)
            : ExchangeAsync(context, isOptional: use == CookieUse.IfUsable);
    }

    /// <returns>What the endpoint's route needs the cookie for.</returns>
    public static CookieUse UseFor(Endpoint? endpoint)
    {
        if (endpoint is not RouteEndpoint) // no route matches this path or method
        {
            return CookieUse.None;
        }

        return endpoint.Metadata.GetMetadata<RouteModel>()?.Config.Metadata?.GetValueOrDefault(Metadata) switch
        {
            IfUsable => CookieUse.IfUsable,
            Passed => CookieUse.Passed,
            _ => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null ? CookieUse.Required : CookieUse.None,
        };
    }

    // Links from other sites bring the cookie. Their forms do not, where a route takes them at all.
    private static bool TakesCookieFrom(RequestOrigin origin, string method) =>
        origin == RequestOrigin.Own || (origin == RequestOrigin.Foreign && CrossSite.IsSafe(method));

    private Task PassAsync(HttpContext context)
    {
        var values = CookieHeader.Find(context.Request.Headers.Cookie, name, MostPassed);
        var cookies = values.Select(value => SessionCookie.TryParse(value!, audience: null)).OfType<SessionCookie>().ToList();
        context.Features.Set(new PresentedCookies(cookies));
        context.Response.OnStarting(() => Complete(context.Response, cookies));
        return next(context);
    }

    private async Task ExchangeAsync(HttpContext context, bool isOptional)
    {
        var values = CookieHeader.Find(context.Request.Headers.Cookie, name, limit: 2);
        var cookie = values.Count == 1 ? SessionCookie.TryParse(values[0]!, RouteAudience.Of(context.GetEndpoint())) : null;
        var (exchanged, isRefused) = values.Count == 0 ? default : await exchange.RunAsync(context, cookie);
        context.Response.OnStarting(() => Complete(context.Response, exchanged.Token is null || cookie is null ? [] : [cookie]));
        if (exchanged.Failure is { } failure)
        {
            if (isRefused)
            {
                LogRefused(values.Count > 1 ? "more than one" : cookie is null ? "malformed" : "its session has ended");
            }

            if (!(isRefused && isOptional))
            {
                await failure.ExecuteAsync(context);
                return;
            }
        }

        await next(context);
    }

    /// <param name="response">The answer, whose headers are about to be sent.</param>
    /// <param name="used">The cookies that the answer is for.</param>
    private Task Complete(HttpResponse response, List<SessionCookie> used)
    {
        SharedCaches.SayWhatTheAnswerDependsOn(response.Headers);
        if (used.Count > 0)
        {
            SharedCaches.KeepOut(response.Headers);
            // A revocation takes a moment to arrive here. Until then, the browser that ended its session would still be signed in.
            if (response.Headers.SetCookie.Any(header => OwnCookies.NameIn(header).Equals(name, StringComparison.OrdinalIgnoreCase)))
            {
                foreach (var cookie in used)
                {
                    tokens.Forget(cookie);
                }
            }
        }

        return Task.CompletedTask;
    }

    // A bearer token takes precedence, even an invalid one. Several headers are ambiguous, so authentication refuses them. Other schemes
    // are not for the mesh: browsers send Basic to the whole origin if a proxy in front asked for it.
    private static bool HasToken(StringValues authorization) =>
        authorization.Count > 1 || authorization is [{ } header] && header.StartsWith("Bearer", StringComparison.OrdinalIgnoreCase);

    [LoggerMessage(LogLevel.Information, "Session cookie refused: {Reason}")]
    private partial void LogRefused(string reason);
}

internal enum CookieUse
{
    None,
    Required,
    IfUsable,
    Passed,
}

internal static class SessionCookieServices
{
    public static void AddSessionCookies(this IServiceCollection services) =>
        services.AddSingleton<ExchangeClient>().AddSingleton<SessionMetrics>().AddSingleton<SessionTokens>()
            .AddSingleton<ExchangeCredential>();
}
