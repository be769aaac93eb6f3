using System.Net;
using System.Net.Sockets;
using System.Text;

namespace AuthMesh.Client.WebSignIn;

/// <summary>
/// A web server of one page on a port of this computer alone, to which the browser leads back. Other pages in the browser can call it, too:
/// a request counts only with the secret state of this sign-in, and any other changes nothing.
/// </summary>
internal sealed class LoopbackListener : IAsyncDisposable
{
    private const string Path = "/callback";

    private const int LargestHead = 16 * 1024;

    // Browsers open connections that they may use later.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly TcpListener listener;
    private readonly CancellationTokenSource stopping = new();
    private readonly List<Task> answers = [];

    private readonly TaskCompletionSource<IReadOnlyDictionary<string, string>> found =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    private Func<IReadOnlyDictionary<string, string>, bool> isExpected = _ => false;
    private Task accepting = Task.CompletedTask;

    private LoopbackListener(TcpListener listener) => this.listener = listener;

    public string Address => $"http://{Host}{Path}";

    private string Host => $"{IPAddress.Loopback}:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <returns>The listener, or null where a program may open no port.</returns>
    public static LoopbackListener? TryStart()
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        try
        {
            listener.Start();
            return new LoopbackListener(listener);
        }
        catch (SocketException)
        {
            listener.Dispose();
            return null;
        }
    }

    /// <summary>Waits for the request that is expected.</summary>
    /// <returns>Its parameters.</returns>
    public Task<IReadOnlyDictionary<string, string>> Find(Func<IReadOnlyDictionary<string, string>, bool> expected)
    {
        isExpected = expected;
        accepting = AcceptAsync();
        return found.Task;
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await accepting;
        listener.Dispose();
        await Task.WhenAll(answers);
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptTcpClientAsync(stopping.Token);
                answers.RemoveAll(answer => answer.IsCompleted);
                answers.Add(AnswerAsync(client));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException)
        {
            // The sign-in is over, or the system lets nobody in: then the wait ends by itself.
        }
    }

    private async Task AnswerAsync(TcpClient client)
    {
        using var _ = client;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stopping.Token);
        deadline.CancelAfter(Patience);
        try
        {
            var stream = client.GetStream();
            var parameters = Parse(await ReadHeadAsync(stream, deadline.Token));
            var isRight = parameters is not null && isExpected(parameters);
            await stream.WriteAsync(PageFor(isRight), CancellationToken.None);
            client.Client.Shutdown(SocketShutdown.Send);
            if (isRight)
            {
                found.TrySetResult(parameters!);
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or SocketException)
        {
            // A browser that went away.
        }
    }

    private static async Task<string> ReadHeadAsync(NetworkStream stream, CancellationToken cancellation)
    {
        var (head, length) = (new byte[LargestHead], 0);
        while (length < head.Length && await stream.ReadAsync(head.AsMemory(length), cancellation) is > 0 and var count)
        {
            length += count;
            if (head.AsSpan(0, length).IndexOf("\r\n\r\n"u8) >= 0)
            {
                break;
            }
        }

        return Encoding.Latin1.GetString(head, 0, length);
    }

    /// <returns>The parameters, or null if the request is none of the browser that comes back.</returns>
    private Dictionary<string, string>? Parse(string head)
    {
        // A page elsewhere can give this computer's address a name of its own (DNS rebinding), but then the host says so.
        var lines = head.Split("\r\n");
        if (!head.Contains("\r\n\r\n", StringComparison.Ordinal) || lines[0].Split(' ') is not ["GET", var target, _]
            || !lines.Any(line => line.Equals($"Host: {Host}", StringComparison.OrdinalIgnoreCase))
            || !target.StartsWith(Path + "?", StringComparison.Ordinal))
        {
            return null;
        }

        var parameters = new Dictionary<string, string>();
        foreach (var pair in target[(Path.Length + 1)..].Split('&'))
        {
            var (name, value) = pair.Split('=', 2) is [var left, var right] ? (left, right) : (pair, "");
            if (!parameters.TryAdd(Uri.UnescapeDataString(name), Uri.UnescapeDataString(value.Replace('+', ' '))))
            {
                return null; // twice
            }
        }

        return parameters;
    }

    private static byte[] PageFor(bool isRight)
    {
        var (status, title, text) = isRight
            ? ("200 OK", "You can close this window", "The program in your terminal goes on.")
            : ("400 Bad Request", "Nothing waits for this", "Begin again in your terminal.");
        var page =
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
            <title>{title}</title></head>
            <body><main><h1>{title}</h1><p>{text}</p></main></body>
            </html>

            """;
        return Encoding.ASCII.GetBytes(
            $"HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {page.Length}\r\nCache-Control: no-store\r\n"
            + "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n"
            + $"X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n{page}");
    }
}
