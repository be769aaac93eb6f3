using System.Runtime.CompilerServices;
using System.Security.Claims;
using AuthMesh.Tokens;

namespace AuthMesh.Resource;

/// <summary>An event stream. It has no end of its own: the mesh ends it with the session of its caller.</summary>
internal static class Events
{
    // Shorter than proxies on the way wait for a sign of life, usually a minute.
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

    public static void MapEvents(this IEndpointRouteBuilder app) => app.MapGet(
        "/events",
        (ClaimsPrincipal user, TimeProvider clock, CancellationToken cancellationToken) =>
            TypedResults.ServerSentEvents(TellAsync(user.Username, clock, cancellationToken)));

    // The first event goes out at once: the headers of the answer may wait for it.
    private static async IAsyncEnumerable<string> TellAsync(
        string username, TimeProvider clock, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        yield return $"You are watching as {username}";
        using var timer = new PeriodicTimer(Interval, clock);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            yield return "still here";
        }
    }
}
