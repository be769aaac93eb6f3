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
    /// The metadata of a route that lets everybody pass and yet wants to know who it is: with the value <see cref="IfUsable"/> a cookie
    /// is exchanged there too, and one that opens nothing is as good as none.
    /// </summary>
    public const string Metadata = "SessionCookie";

    public const string IfUsable = "IfUsable";

    private readonly string name = SessionCookie.NameFor(mesh.Value.Issuer);

    public Task InvokeAsync(HttpContext context)
    {
        var request = context.Request;
        var (isWanted, isOptional) = Wants(context.GetEndpoint());
        return !isWanted || HasToken(request.Headers.Authorization) || origins.Of(request) == RequestOrigin.Listed
            ? next(context)
            : ExchangeAsync(context, isOptional);
    }

    private async Task ExchangeAsync(HttpContext context, bool isOptional)
    {
        var request = context.Request;
        var values = SessionCookie.FindValues(request.Headers.Cookie, name);
        var cookie = values.Count == 1 ? SessionCookie.TryParse(values[0]!) : null;
        var exchanged = values.Count == 0 ? default : cookie is null ? Exchanged.Refused
            : await tokens.FindAsync(cookie, context.RequestAborted);
        context.Response.OnStarting(() => Complete(context.Response, exchanged.Token is null ? null : cookie));
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
    /// <param name="exchanged">The cookie that the answer is for, if any.</param>
    private Task Complete(HttpResponse response, SessionCookie? exchanged)
    {
        SharedCaches.SayWhatTheAnswerDependsOn(response.Headers);
        if (exchanged is not null)
        {
            SharedCaches.KeepOut(response.Headers);
            // The news of an ended session take a moment to come here; the browser that ended it would see itself still signed in.
            if (response.Headers.SetCookie.Any(header => OwnCookies.IsOurs(header, name)))
            {
                tokens.Forget(exchanged);
            }
        }

        return Task.CompletedTask;
    }

    // A bearer token wins, also one that is invalid; with several headers nobody can tell which counts, and authentication says so. Another
    // scheme is not for the mesh: browsers send Basic to the whole origin where a proxy in front asked for it.
    private static bool HasToken(StringValues authorization) =>
        authorization.Count > 1 || authorization is [{ } header] && header.StartsWith("Bearer", StringComparison.OrdinalIgnoreCase);

    private static (bool IsWanted, bool IsOptional) Wants(Endpoint? endpoint)
    {
        if (endpoint is not RouteEndpoint) // nothing is mapped here, or not for this method
        {
            return (false, false);
        }

        var isOptional = endpoint.Metadata.GetMetadata<RouteModel>()?.Config.Metadata?.ContainsKey(Metadata) is true;
        return (isOptional || endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null, isOptional);
    }

    [LoggerMessage(LogLevel.Information, "Session cookie refused: {Reason}")]
    private partial void LogRefused(string reason);
}

internal static class SessionCookieServices
{
    public static void AddSessionCookies(this IServiceCollection services) =>
        services.AddSingleton<Exchange>().AddSingleton<SessionTokens>();
}
