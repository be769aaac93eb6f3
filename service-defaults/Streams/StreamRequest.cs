using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Streams;

/// <summary>What an endpoint or a hub can ask about the session of its request.</summary>
public static class StreamRequest
{
    extension(HttpContext context)
    {
        /// <summary>
        /// Canceled when the session of the caller's access token ends, or when a new epoch of its user revokes the token. It is never
        /// canceled for a caller without a token of the mesh, nor because the token expires. In a hub, ask
        /// <c>Context.GetHttpContext()</c>.
        /// </summary>
        public CancellationToken SessionEnded => Find(context)?.Token ?? CancellationToken.None;
    }

    private static CancellationTokenSource? Find(HttpContext context)
    {
        if (context.Features.Get<SessionWatch>() is { } known)
        {
            return known.Source;
        }

        if (VerifiedToken.Of(context.User) is not { } token)
        {
            return null;
        }

        var watch = new SessionWatch(context.RequestServices.GetRequiredService<SessionWatches>().Watch(token));
        context.Features.Set(watch); // keeps the source alive
        return watch.Source;
    }

    private sealed record SessionWatch(CancellationTokenSource Source);
}
