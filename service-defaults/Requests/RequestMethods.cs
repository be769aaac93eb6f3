using AuthMesh.Errors;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Requests;

/// <summary>
/// Two rules of RFC 9110 §9.1 that routing does not know. HEAD works wherever GET does. And methods are case-sensitive: to routing,
/// <c>get</c> is GET, while a check that somebody writes, or a proxy in front, may take it for an unknown method.
/// </summary>
internal sealed class RequestMethods : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            var method = context.Request.Method;
            if (ReferenceEquals(method, HttpMethods.Get)) // the web server's own instance: most requests need no more than this
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

    /// <summary>Routing answers 405 with the methods that somebody mapped, and HEAD works besides (RFC 9110 §10.2.1).</summary>
    public static void CompleteAllow(HttpResponse response)
    {
        if (response.StatusCode == StatusCodes.Status405MethodNotAllowed && response.Headers.Allow is [{ } allow]
            && allow.Split(", ") is var methods && methods.Contains(HttpMethods.Get) && !methods.Contains(HttpMethods.Head))
        {
            response.Headers.Allow = allow + ", " + HttpMethods.Head;
        }
    }

    /// <summary>
    /// Has routing look for the endpoint that answers GET. Everybody after it sees HEAD again, so that a file's content is not read in vain
    /// and the gateway forwards what the client sent. The web server leaves out the body of any answer to HEAD.
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
