using System.Net.Http.Headers;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Tour;

/// <summary>An event stream that a step of the tour opened and a later step sees end.</summary>
internal sealed class LiveStream : IDisposable
{
    private const string Data = "data: ";

    private readonly HttpResponseMessage response;
    private readonly StreamReader events;

    private LiveStream(HttpResponseMessage response, StreamReader events, string firstEvent) =>
        (this.response, this.events, FirstEvent) = (response, events, firstEvent);

    public string FirstEvent { get; }

    /// <summary>Opens the stream and reads its first event.</summary>
    /// <returns>The stream, or null if the answer is another one, or breaks off.</returns>
    /// <exception cref="TimeoutException">No event came in time.</exception>
    public static async Task<LiveStream?> OpenAsync(HttpResponseMessage response, TimeSpan patience, CancellationToken cancellation)
    {
        if (response.Content.Headers.ContentType is not MediaTypeHeaderValue { MediaType: "text/event-stream" })
        {
            return null;
        }

        var events = new StreamReader(await response.Content.ReadAsStreamAsync(cancellation));
        try
        {
            var line = await events.ReadLineAsync(cancellation).AsTask().WaitAsync(patience, cancellation) ?? "";
            return new LiveStream(response, events, line.StartsWith(Data, StringComparison.Ordinal) ? line[Data.Length..] : line);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>Waits until the mesh cuts the stream.</summary>
    /// <returns>Whether it did in time.</returns>
    public async Task<bool> IsCutAsync(TimeSpan within, CancellationToken cancellation)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        patience.CancelAfter(within);
        try
        {
            while (await events.ReadLineAsync(patience.Token) is not null)
            {
            }

            return false; // a clean end would look as if nothing were missing
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            return true;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    public void Dispose()
    {
        events.Dispose();
        response.Dispose();
    }
}
