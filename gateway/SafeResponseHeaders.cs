using AuthMesh.Settings;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway;

/// <summary>What every answer of the origin carries, refusals and health included; so it stands before all else.</summary>
internal sealed class SafeResponseHeaders(IOptions<AuthMeshOptions> mesh) : IStartupFilter
{
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use((context, proceed) =>
        {
            context.Response.OnStarting(AddHeaders, context.Response);
            return proceed(context);
        });
        next(app);
    };

    private Task AddHeaders(object response)
    {
        var headers = ((HttpResponse)response).Headers;
        headers.XContentTypeOptions = "nosniff"; // an answer is what its Content-Type says
        if (mesh.Value.Issuer.StartsWith("https://", StringComparison.Ordinal))
        {
            headers.StrictTransportSecurity = "max-age=31536000"; // RFC 6797 §6.1: a year
        }

        return Task.CompletedTask;
    }
}

internal static class SafeResponseHeadersServices
{
    public static void AddSafeResponseHeaders(this WebApplicationBuilder builder) =>
        builder.Services.AddSingleton<IStartupFilter, SafeResponseHeaders>();
}
