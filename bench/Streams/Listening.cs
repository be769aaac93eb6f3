using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.WebSockets;

namespace AuthMesh.Bench.Streams;

/// <summary>A WebSocket whose client reads.</summary>
internal sealed class Listening
{
    private const int OpeningAtATime = 32;
    private const int Abnormal = 1006; // RFC 6455 §7.4.1: closed without a Close frame

    private static readonly HttpMessageInvoker Invoker = new(new SocketsHttpHandler { UseProxy = false, UseCookies = false });

    private Listening(ClientWebSocket socket)
    {
        Socket = socket;
        Closed = UntilClosedAsync();
    }

    public ClientWebSocket Socket { get; }

    /// <summary>The close code, and when it came.</summary>
    public Task<(int Code, long At)> Closed { get; }

    public static async Task<Listening> OpenAsync(string token, Uri gateway, CancellationToken cancellation)
    {
        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        socket.Options.KeepAliveInterval = TimeSpan.Zero;
        await socket.ConnectAsync(
            new UriBuilder(gateway) { Scheme = "ws", Host = "127.0.0.1", Path = "/live" }.Uri, Invoker, cancellation);
        return new Listening(socket);
    }

    /// <summary>Opens one for each token.</summary>
    public static async Task<ConcurrentDictionary<string, Listening>> OpenAllAsync(
        IEnumerable<string> tokens, Uri gateway, CancellationToken cancellation)
    {
        var sockets = new ConcurrentDictionary<string, Listening>();
        await Parallel.ForEachAsync(
            tokens, new ParallelOptions { MaxDegreeOfParallelism = OpeningAtATime, CancellationToken = cancellation },
            async (token, stop) => sockets[token] = await OpenAsync(token, gateway, stop));
        return sockets;
    }

    private async Task<(int Code, long At)> UntilClosedAsync()
    {
        var buffer = new byte[16];
        try
        {
            while ((await Socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None)).MessageType != WebSocketMessageType.Close)
            {
            }

            var at = Stopwatch.GetTimestamp();
            await Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
            return ((int)Socket.CloseStatus!, at);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            return (Abnormal, Stopwatch.GetTimestamp());
        }
    }
}
