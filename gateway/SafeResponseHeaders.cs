using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace AuthMesh.Gateway;

/// <summary>Adds security headers to every answer of the origin, refusals and health included, so it runs before everything else.</summary>
internal sealed class SafeResponseHeaders : IStartupFilter
{
    private readonly bool isPublicHttps;
    private readonly bool endsTls;
    private readonly bool listsOrigins;
    private readonly Func<object, Task> addHeaders; // one delegate for all requests

    public SafeResponseHeaders(IOptions<AuthMeshOptions> mesh, IOptions<GatewayOptions> gateway)
    {
        isPublicHttps = IsHttps(mesh.Value.Issuer);
        endsTls = gateway.Value.Tls.IsSet;
        listsOrigins = gateway.Value.CorsOrigins.Count > 0;
        addHeaders = AddHeaders;
    }

    public static bool IsHttps(string? issuer) => issuer?.StartsWith("https://", StringComparison.Ordinal) is true;

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            context.Response.OnStarting(addHeaders, context);
            return proceed(context);
        });
        next(app);
    };

    private Task AddHeaders(object state)
    {
        var context = (HttpContext)state;
        var headers = context.Response.Headers;
        headers.XContentTypeOptions = "nosniff"; // browsers must not guess another type than Content-Type
        if (isPublicHttps && (context.Request.IsHttps || !endsTls)) // RFC 6797 §7.2: not over plain http, unless a proxy ends TLS
        {
            headers.StrictTransportSecurity = "max-age=31536000"; // RFC 6797 §6.1: a year
        }

        if (headers.CacheControl.Count == 0 && VerifiedToken.Of(context) is not null)
        {
            headers.CacheControl = "no-store"; // the next person at this browser must not read it; services may override this
        }

        if (listsOrigins)
        {
            SayWhatCorsDependsOn(context.Request, headers);
        }

        return Task.CompletedTask;
    }

    // Fetch Standard §3.3.5: an answer cached for a request without an Origin would lack the CORS header that a listed origin needs.
    private static void SayWhatCorsDependsOn(HttpRequest request, IHeaderDictionary headers)
    {
        Vary(headers, HeaderNames.Origin);
        if (HttpMethods.IsOptions(request.Method))
        {
            Vary(headers, HeaderNames.AccessControlRequestMethod);
            Vary(headers, HeaderNames.AccessControlRequestHeaders);
        }
    }

    private static void Vary(IHeaderDictionary headers, string name)
    {
        foreach (var value in headers.Vary)
        {
            foreach (var range in value.AsSpan().Split(','))
            {
                var said = value.AsSpan(range).Trim(" \t");
                if (said is "*" || said.Equals(name, StringComparison.OrdinalIgnoreCase))
                {
                    return;
                }
            }
        }

        headers.Append(HeaderNames.Vary, name);
    }
}

internal static class SafeResponseHeadersServices
{
    public static void AddSafeResponseHeaders(this WebApplicationBuilder builder) =>
        builder.Services.AddSingleton<IStartupFilter, SafeResponseHeaders>();
}
