using AuthMesh.Errors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Requests;

/// <summary>
/// Enforces two rules of RFC 9110 §9.1 that routing does not know. First, HEAD works wherever GET does. Second, methods are case-sensitive:
/// routing takes <c>get</c> for GET, but a handwritten check or a proxy in front may take it for an unknown method.
/// </summary>
internal sealed class RequestMethods : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            var method = context.Request.Method;
            if (ReferenceEquals(method, HttpMethods.Get)) // the web server's own instance: a fast path for most requests
            {
                return proceed(context);
            }

            if (method.AsSpan().ContainsAnyInRange('a', 'z'))
            {
                return CommonFailures.FromStatus(StatusCodes.Status501NotImplemented).ExecuteAsync(context);
            }

            if (HttpMethods.IsHead(method))
            {
                context.Features.Set<IEndpointFeature>(new GetEndpoint(context.Request));
            }

            return proceed(context);
        });
        next(app);
    };

    /// <summary>
    /// Adds HEAD to the Allow header of a 405: routing lists only the mapped methods, but HEAD works wherever GET does (RFC 9110 §10.2.1).
    /// </summary>
    public static void CompleteAllow(HttpResponse response)
    {
        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed && response.Headers.Allow is [{ } allow]
            && allow.Split(", ") is var methods && methods.Contains(HttpMethods.Get) && !methods.Contains(HttpMethods.Head))
        {
            response.Headers.Allow = allow + ", " + HttpMethods.Head;
        }
    }

    /// <summary>
    /// Makes routing select the endpoint that answers GET. Everything after routing sees HEAD again, so that no file is read in vain and
    /// the gateway forwards the client's method. The web server omits the body of any answer to HEAD.
    /// </summary>
    private sealed class GetEndpoint : IEndpointFeature
    {
        private readonly HttpRequest request;
        private Endpoint? endpoint;

        public GetEndpoint(HttpRequest request)
        {
            this.request = request;
            request.Method = HttpMethods.Get;
        }

        public Endpoint? Endpoint
        {
            get => endpoint;
            set
            {
                endpoint = value;
                request.Method = HttpMethods.Head;
            }
        }
    }
}

internal static class RequestServices
{
    public static void AddRequestMethods(this IServiceCollection services) => services.AddSingleton<IStartupFilter, RequestMethods>();
}
