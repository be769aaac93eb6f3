using AuthMesh.Requests;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Streams;

/// <summary>What an endpoint or a hub can ask about the session of its request.</summary>
public static class StreamRequest
{
    extension(HttpContext context)
    {
        /// <summary>
        /// Canceled when the session of the caller's access token ends, or when a new epoch of its user or application revokes the token.
        /// It is never canceled for a caller without a token of the mesh, nor because the token expires, nor by what happens after the
        /// request: the gateway may hear of the end first and close the stream. In a hub, ask <c>Context.GetHttpContext()</c>.
        /// </summary>
        public CancellationToken SessionEnded => Find(context)?.Token ?? CancellationToken.None;
    }

    private static CancellationTokenSource? Find(HttpContext context)
    {
        if (context.Features.Get<SessionWatch>() is { } known)
        {
            return known.Source;
        }

        // From the claims: SignalR's long polling keeps a copy of a request, which has its user but not its token.
        var user = context.User.Identities.FirstOrDefault(
            identity => identity.AuthenticationType == JwtBearerDefaults.AuthenticationScheme);
        if (!RequestText.TryReadId(user?.FindFirst(AccessTokenClaims.SessionId)?.Value, out var sessionId)
            || !RequestText.TryReadId(user?.FindFirst(AccessTokenClaims.Subject)?.Value, out var userId)
            || !RequestText.TryReadNumber(user?.FindFirst(AccessTokenClaims.Epoch)?.Value, out var epoch))
        {
            return null;
        }

        var application = RequestText.TryReadNumber(user?.FindFirst(AccessTokenClaims.ClientEpoch)?.Value, out var clientEpoch)
            ? user!.FindFirst(AccessTokenClaims.ClientId)?.Value : null;
        var session = new WatchedSession(sessionId, userId, epoch, application, clientEpoch);
        var watches = context.RequestServices.GetRequiredService<SessionWatches>();
        var watch = new SessionWatch(watches.Watch(session), () => watches.HasEnded(session));
        context.Features.Set(watch); // keeps the session's source alive
        context.Response.RegisterForDispose(watch);
        return watch.Source;
    }

    /// <summary>
    /// A source of its own for each request: what the request registers must not run after it, when its context serves another user.
    /// </summary>
    private sealed class SessionWatch(CancellationTokenSource session, Func<bool> hasEnded) : IDisposable
    {
        private readonly CancellationTokenSource session = session;

        public CancellationTokenSource Source { get; } = CancellationTokenSource.CreateLinkedTokenSource(session.Token);

        public void Dispose()
        {
            using (Source)
            {
                // The end of the session may have cut this request before it reached the source.
                if (hasEnded())
                {
                    Source.Cancel();
                }
            }

            GC.KeepAlive(session);
        }
    }
}
