using AuthMesh.Cookies;
using AuthMesh.Errors;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Primitives;
using Yarp.ReverseProxy.Model;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Phantom tokens: stands before authentication and puts in place of a session cookie the access token that belongs to it. From there on
/// a browser's request is like any other. The cookie itself goes no further, and the token never to the browser.
/// </summary>
internal sealed partial class SessionCookies(
    RequestDelegate next, SessionTokens tokens, RequestOrigins origins, IOptions<AuthMeshOptions> mesh, ILogger<SessionCookies> logger)
{
    /// <summary>
    /// The metadata of a route that lets everybody pass and yet wants the cookie: <see cref="IfUsable"/> or <see cref="Passed"/>.
    /// </summary>
    public const string Metadata = "SessionCookie";

    /// <summary>The cookie is exchanged, and one that opens nothing is as good as none.</summary>
    public const string IfUsable = "IfUsable";

    /// <summary>The cookie goes to the identity service as it is, beside a bearer token too.</summary>
    public const string Passed = "Passed";

    // The identity service looks each one up. A browser has one; on plain http, neighbours on the same host can plant a few more.
    private const int MostPassed = 10;

    private readonly string name = CookieNames.Session(mesh.Value.Issuer);

    private enum CookieUse
    {
        None,
        Required,
        IfUsable,
        Passed,
    }

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var use = UseFor(context.GetEndpoint());
        return use == CookieUse.None
            || (use != CookieUse.Passed && HasToken(request.Headers.Authorization))
            || origins.Of(request) == RequestOrigin.Listed
            ? next(context)
            : use == CookieUse.Passed ? PassAsync(context)
            : ExchangeAsync(context, isOptional: use == CookieUse.IfUsable);
    }

    private Task PassAsync(HttpContext context)
    {
        var values = CookieHeader.Find(context.Request.Headers.Cookie, name, MostPassed);
        var cookies = values.Select(value => SessionCookie.TryParse(value!)).OfType<SessionCookie>().ToList();
        context.Features.Set(new PresentedCookies(cookies));
        context.Response.OnStarting(() => Complete(context.Response, cookies));
        return next(context);
    }

    private async Task ExchangeAsync(HttpContext context, bool isOptional)
    {
        var request = context.Request;
        var values = CookieHeader.Find(request.Headers.Cookie, name, limit: 2);
        var cookie = values.Count == 1 ? SessionCookie.TryParse(values[0]!) : null;
        var exchanged = values.Count == 0 ? default : cookie is null ? Exchanged.Refused
            : await tokens.FindAsync(cookie, context.RequestAborted);
        context.Response.OnStarting(() => Complete(context.Response, exchanged.Token is null || cookie is null ? [] : [cookie]));
        if (exchanged.Token is { } token)
        {
            request.Headers.Authorization = token.Authorization;
        }
        else if (exchanged.Failure is { } failure)
        {
            var isRefused = failure.Status == StatusCodes.Status401Unauthorized;
            if (isRefused)
            {
                LogRefused(values.Count > 1 ? "more than one" : cookie is null ? "not of our form" : "its session has ended");
            }

            if (!(isRefused && isOptional))
            {
                await failure.ExecuteAsync(context);
                return;
            }
        }

        await next(context);
    }

    /// <param name="response">Its headers are about to be sent.</param>
    /// <param name="used">The cookies that the answer is for.</param>
    private Task Complete(HttpResponse response, List<SessionCookie> used)
    {
        SharedCaches.SayWhatTheAnswerDependsOn(response.Headers);
        if (used.Count > 0)
        {
            SharedCaches.KeepOut(response.Headers);
            // The news of an ended session take a moment to come here; the browser that ended it would see itself still signed in.
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

    // A bearer token wins, also one that is invalid; with several headers nobody can tell which counts, and authentication says so. Another
    // scheme is not for the mesh: browsers send Basic to the whole origin where a proxy in front asked for it.
    private static bool HasToken(StringValues authorization) =>
        authorization.Count > 1 || authorization is [{ } header] && header.StartsWith("Bearer", StringComparison.OrdinalIgnoreCase);

    private static CookieUse UseFor(Endpoint? endpoint)
    {
        if (endpoint is not RouteEndpoint) // nothing is mapped here, or not for this method
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

    [LoggerMessage(LogLevel.Information, "Session cookie refused: {Reason}")]
    private partial void LogRefused(string reason);
}

internal static class SessionCookieServices
{
    public static void AddSessionCookies(this IServiceCollection services) =>
        services.AddSingleton<Exchange>().AddSingleton<SessionTokens>();
}
