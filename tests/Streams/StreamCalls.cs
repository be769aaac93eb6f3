using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Streams;

/// <summary>Opens streams as clients do.</summary>
internal static class StreamCalls
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(30);

    /// <summary>Cancels a wait that should long have ended.</summary>
    public static CancellationToken Soon() => CancellationTokenSource.CreateLinkedTokenSource(
        TestContext.Current.CancellationToken, new CancellationTokenSource(Deadline).Token).Token;

    public static Uri SocketAddress(this Caller caller, string path) => new UriBuilder(new Uri(caller.Address, path)) { Scheme = "ws" }.Uri;

    /// <summary>Opens a WebSocket, which must succeed.</summary>
    public static async Task<ClientWebSocket> OpenAsync(
        this Caller caller, string? token, string path = "/live", Action<ClientWebSocketOptions>? change = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.Proxy = null;
        if (token is not null)
        {
            socket.Options.SetRequestHeader("Authorization", "Bearer " + token);
        }

        change?.Invoke(socket.Options);
        await socket.ConnectAsync(caller.SocketAddress(path), Soon());
        return socket;
    }

    /// <summary>Sends a text, and returns the one that comes back.</summary>
    public static async Task<string> EchoAsync(this ClientWebSocket socket, string text)
    {
        await socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, Soon());
        var buffer = new byte[text.Length + 100];
        var length = 0;
        ValueWebSocketReceiveResult received;
        do
        {
            received = await socket.ReceiveAsync(buffer.AsMemory(length), Soon());
            length += received.Count;
        }
        while (!received.EndOfMessage);
        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    /// <summary>Reads until the other side closes.</summary>
    /// <returns>The close code and the reason.</returns>
    public static async Task<(int Code, string? Reason)> UntilClosedAsync(this ClientWebSocket socket)
    {
        var buffer = new byte[1024];
        while ((await socket.ReceiveAsync(buffer.AsMemory(), Soon())).MessageType != WebSocketMessageType.Close)
        {
        }

        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Soon());
        return ((int)socket.CloseStatus!, socket.CloseStatusDescription);
    }
}

/// <summary>An event stream that a test reads line by line.</summary>
internal sealed class EventReader : IDisposable
{
    private readonly HttpClient http =
        new(new SocketsHttpHandler { UseProxy = false, UseCookies = false }) { Timeout = Timeout.InfiniteTimeSpan };

    private HttpResponseMessage answer = null!;
    private StreamReader reader = null!;

    /// <summary>Opens /events, or another path, and reads the first event.</summary>
    public static async Task<EventReader> OpenAsync(
        Caller caller, string? token, string path = "/events", Action<HttpRequestMessage>? change = null)
    {
        var events = new EventReader();
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(caller.Address, path));
        if (token is not null)
        {
            request.Headers.Authorization = new("Bearer", token);
        }

        change?.Invoke(request);
        events.answer = await events.http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, StreamCalls.Soon());
        Assert.Equal(200, (int)events.answer.StatusCode);
        events.reader = new StreamReader(await events.answer.Content.ReadAsStreamAsync(StreamCalls.Soon()));
        Assert.StartsWith("data: ", await events.reader.ReadLineAsync(StreamCalls.Soon()), StringComparison.Ordinal);
        return events;
    }

    /// <summary>Reads until the stream ends.</summary>
    /// <returns>Whether it was cut, so that no client can take it for complete.</returns>
    public async Task<bool> UntilCutAsync()
    {
        try
        {
            await reader.ReadToEndAsync(StreamCalls.Soon());
            return false;
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        reader?.Dispose();
        answer?.Dispose();
        http.Dispose();
    }
}

/// <summary>A WebSocket client that sends bytes which no other client would send.</summary>
internal sealed class RawSocket : IDisposable
{
    private readonly TcpClient client = new() { NoDelay = true };
    private NetworkStream stream = null!;

    public static string Handshake(string? token, string path = "/live", string further = "") =>
        $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        + (token is null ? "" : $"Authorization: Bearer {token}\r\n") + further + "\r\n";

    public static async Task<RawSocket> ConnectAsync(Uri address, int? receiveBuffer = null)
    {
        var socket = new RawSocket();
        if (receiveBuffer is { } size)
        {
            socket.client.ReceiveBufferSize = size;
        }

        await socket.client.ConnectAsync(address.Host, address.Port, StreamCalls.Soon());
        socket.stream = socket.client.GetStream();
        return socket;
    }

    /// <summary>Opens a WebSocket, which must succeed.</summary>
    public static async Task<RawSocket> OpenAsync(
        Uri address, string? token, string path = "/live", string further = "", int? receiveBuffer = null)
    {
        var socket = await ConnectAsync(address, receiveBuffer);
        await socket.SendAsync(Encoding.ASCII.GetBytes(Handshake(token, path, further)));
        Assert.StartsWith("HTTP/1.1 101 ", await socket.ReadHeadAsync(), StringComparison.Ordinal);
        return socket;
    }

    public Task SendAsync(byte[] bytes) => stream.WriteAsync(bytes, StreamCalls.Soon()).AsTask();

    public async Task<byte[]> ReadAsync(int count)
    {
        var bytes = new byte[count];
        await stream.ReadExactlyAsync(bytes, StreamCalls.Soon());
        return bytes;
    }

    public async Task<string> ReadHeadAsync()
    {
        var head = new StringBuilder();
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            head.Append((char)(await ReadAsync(1))[0]);
        }

        return head.ToString();
    }

    /// <summary>Reads one frame of the server, which is not masked.</summary>
    public async Task<(int Opcode, byte[] Payload)> ReadFrameAsync()
    {
        var head = await ReadAsync(2);
        var length = head[1] switch
        {
            126 => BitConverter.ToUInt16([.. (await ReadAsync(2)).Reverse()]),
            127 => (int)BitConverter.ToUInt64([.. (await ReadAsync(8)).Reverse()]),
            var small => small,
        };
        return (head[0] & 0x0F, await ReadAsync(length));
    }

    /// <summary>Reads everything until the server closes or cuts the connection.</summary>
    public async Task<byte[]> ReadToEndAsync()
    {
        using var all = new MemoryStream();
        try
        {
            await stream.CopyToAsync(all, StreamCalls.Soon());
        }
        catch (IOException)
        {
            // cut
        }

        return all.ToArray();
    }

    public void Dispose() => client.Dispose();
}
