using AuthMesh.Errors;
using AuthMesh.Tls;
using Microsoft.AspNetCore.Http.Extensions;

namespace AuthMesh.Gateway.Connections;

/// <summary>
/// Serves nothing on plain http once the gateway has https addresses of its own. A browser that opens an http address is sent to the
/// issuer, or the pages. Any other request is refused, because it has sent its secrets in clear text already, and its program must notice:
/// also a GET that brings a token.
/// </summary>
internal sealed class PlainPort(PagesHost pages, Probes probes) : IStartupFilter
{
    private static readonly Failure Refused = new(StatusCodes.Status403Forbidden, "https_required", "Use https: nothing is served here");

    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            var request = context.Request;
            if (request.IsHttps || probes.AreAnswered(context))
            {
                return proceed(context);
            }

            context.Response.Headers.Connection = "close"; // what follows may be meant for a tunnel
            var isOfBrowser = (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method))
                && request.Headers.Authorization.Count == 0;
            if (!isOfBrowser)
            {
                return Refused.ExecuteAsync(context);
            }

            context.Response.StatusCode = StatusCodes.Status308PermanentRedirect;
            context.Response.Headers.CacheControl = "no-store"; // the port may serve something else one day
            context.Response.Headers.Location = pages.OriginOf(request) + request.GetEncodedPathAndQuery(); // never what the request says
            return Task.CompletedTask;
        });
        next(app);
    };
}

internal static class PlainPortServices
{
    /// <summary>Adds nothing if the gateway has no https address: then TLS ends in front of it.</summary>
    public static void AddPlainPort(this WebApplicationBuilder builder)
    {
        if (HttpsAddresses.Of(builder.Configuration).Ports.Count > 0)
        {
            builder.Services.AddSingleton<IStartupFilter, PlainPort>();
        }
    }
}
