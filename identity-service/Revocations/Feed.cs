using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Requests;
using AuthMesh.Revocations;
using AuthMesh.Shutdown;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// Streams the log to a verifier as Server-Sent Events (HTML Living Standard §9.2): first the entries that it has missed, then new ones.
/// A beat follows whenever PostgreSQL has confirmed that nothing is missing. The first beat tells the verifier that it has caught up.
/// </summary>
internal static class Feed
{
    public static void Map(IEndpointRouteBuilder group) => group.MapGet("/revocations", HandleAsync);

    private static async Task<Results<ServerSentEventsResult<string>, Failure>> HandleAsync(
        string instance, string name, [FromHeader(Name = "Last-Event-ID")] string? lastEventId, RevocationLog log,
        VerifierRegister verifiers, TimeProvider clock, ShutdownGrace grace, HttpContext http,
        CancellationToken cancellationToken)
    {
        if (!Verifier.IsName(name))
        {
            return Verifier.InvalidName;
        }

        if (!RequestText.TryReadId(instance, out var id))
        {
            return Verifier.InvalidInstance;
        }

        var presence = await verifiers.EnterAsync(id, name, cancellationToken);
        http.Response.RegisterForDispose(presence);
        // A feed never ends by itself, and a shutdown waits for running requests. It ends late, when verifiers reach other replicas only.
        var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, grace.Over);
        http.Response.RegisterForDispose(leaving);
        return TypedResults.ServerSentEvents(TellAsync(log, clock, LogPosition.TryParse(lastEventId), leaving.Token));
    }

    private static async IAsyncEnumerable<SseItem<string>> TellAsync(
        RevocationLog log, TimeProvider clock, LogPosition? seen, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var nextBeat = log.AskForConfirmation();
        while (!cancellationToken.IsCancellationRequested)
        {
            var unseen = log.ReadAfter(seen);
            foreach (var entry in unseen.Entries)
            {
                seen = new LogPosition(entry.Position, entry.Mark);
                var data = RevocationKind.Describe(entry.Kind, entry.Subject, entry.Epoch);
                yield return new SseItem<string>(data, entry.Kind) { EventId = seen.ToString() };
            }

            if (unseen.Confirmed >= nextBeat)
            {
                nextBeat = unseen.Confirmed + 1;
                yield return new SseItem<string>(RevocationFeed.DescribeBeat(clock.GetUtcNow(), unseen.Age), RevocationFeed.Beat);
            }

            await unseen.Changed.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
