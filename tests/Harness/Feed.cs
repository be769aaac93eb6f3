using System.Net.ServerSentEvents;
using System.Threading.Channels;
using AuthMesh.Issuer;

namespace AuthMesh.Tests.Harness;

/// <summary>Listens to an identity service's revocations like a verifier in another language: with the documented feed only.</summary>
public sealed class Feed : IAsyncDisposable
{
    private readonly CancellationTokenSource closing = new();
    private readonly Channel<SseItem<string>> items = Channel.CreateUnbounded<SseItem<string>>();
    private readonly HttpClient http = new() { Timeout = Timeout.InfiniteTimeSpan };
    private readonly Task reading;

    private Feed(Uri identity, string? lastEventId, string name) => reading = ReadAsync(identity, lastEventId, name);

    public Guid Instance { get; } = Guid.NewGuid();

    public static Feed Open(Caller identity, string? lastEventId = null, string name = "a test") =>
        new(identity.Address, lastEventId, name);

    /// <summary>Returns the next item. Fails the test if none comes for long.</summary>
    public async Task<SseItem<string>> NextAsync()
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        patience.CancelAfter(TimeSpan.FromSeconds(60));
        return await items.Reader.ReadAsync(patience.Token);
    }

    /// <summary>Returns all items up to the next beat, without the beat.</summary>
    public async Task<List<SseItem<string>>> UntilBeatAsync()
    {
        var heard = new List<SseItem<string>>();
        while (await NextAsync() is { EventType: not "beat" } item)
        {
            heard.Add(item);
        }

        return heard;
    }

    /// <summary>Whether the server has closed the feed.</summary>
    public bool HasEnded => reading.IsCompleted;

    public async ValueTask DisposeAsync()
    {
        await closing.CancelAsync();
        await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        http.Dispose();
        closing.Dispose();
    }

    private async Task ReadAsync(Uri identity, string? lastEventId, string name)
    {
        try
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Get, new Uri(identity, $"/internal/revocations?instance={Instance}&name={Uri.EscapeDataString(name)}"));
            request.Headers.Add(IssuerConnection.ServiceKeyHeader, ProductionMesh.ServiceKey);
            if (lastEventId is not null)
            {
                request.Headers.TryAddWithoutValidation("Last-Event-ID", lastEventId);
            }

            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, closing.Token);
            answer.EnsureSuccessStatusCode();
            await using var stream = await answer.Content.ReadAsStreamAsync(closing.Token);
            await foreach (var item in SseParser.Create(stream).EnumerateAsync(closing.Token))
            {
                items.Writer.TryWrite(item);
            }

            items.Writer.Complete();
        }
        catch (Exception exception)
        {
            items.Writer.Complete(exception);
            throw;
        }
    }
}
