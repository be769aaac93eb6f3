using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.ShortPath;

/// <summary>
/// Makes the framework's provider of handlers only for a request that needs a handler. Otherwise each request would get one.
/// </summary>
internal sealed class HandlersOnDemand : IAuthenticationHandlerProvider
{
    public Task<IAuthenticationHandler?> GetHandlerAsync(HttpContext context, string authenticationScheme) => context.RequestServices
        .GetRequiredService<FrameworkPart<IAuthenticationHandlerProvider>>().Part.GetHandlerAsync(context, authenticationScheme);
}
