using System.Buffers.Text;
using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AuthMesh.Bench.Servers;

namespace AuthMesh.Bench.Versions;

/// <summary>
/// Sends POST requests over persistent connections, one for each caller. HttpClient would take as much processor time as the measured
/// service, and both share the processor here.
/// </summary>
/// <param name="origin">The gateway.</param>
/// <param name="path">The path to post to.</param>
/// <param name="processId">The process whose processor time counts: the identity service.</param>
/// <param name="bodies">The first body of each caller.</param>
/// <param name="next">Makes the next body from the answer; null repeats the first.</param>
/// <param name="contentType">Of the bodies.</param>
internal sealed class PostLoad(
    Uri origin, string path, int processId, string[] bodies, Func<JsonElement, string>? next = null,
    string contentType = "application/json")
{
    private readonly (TcpClient Socket, byte[] Buffer)?[] connections = new (TcpClient, byte[])?[bodies.Length];

    /// <returns>Answers per second, and the seconds of processor time of the process for each.</returns>
    public async Task<(double PerSecond, double Cpu)> RunAsync(TimeSpan time, CancellationToken cancellation)
    {
        var (start, cpu, answers) = (Stopwatch.GetTimestamp(), CpuTime.Of(processId), 0);
        await Task.WhenAll(Enumerable.Range(0, bodies.Length).Select(caller => Task.Run(
            async () =>
            {
                while (Stopwatch.GetElapsedTime(start) < time)
                {
                    await CallAsync(caller, cancellation);
                    Interlocked.Increment(ref answers);
                }
            },
            cancellation)));
        return (answers / Stopwatch.GetElapsedTime(start).TotalSeconds, (CpuTime.Of(processId) - cpu) / answers);
    }

    private async Task CallAsync(int caller, CancellationToken cancellation)
    {
        var (socket, buffer) = connections[caller] ??= (new TcpClient(origin.Host, origin.Port) { NoDelay = true }, new byte[16 * 1024]);
        var body = bodies[caller];
        var stream = socket.GetStream();
        await stream.WriteAsync(
            Encoding.UTF8.GetBytes(
                $"POST {path} HTTP/1.1\r\nHost: {origin.Authority}\r\nContent-Type: {contentType}\r\n"
                + $"Content-Length: {Encoding.UTF8.GetByteCount(body)}\r\n\r\n{body}"),
            cancellation);

        var length = 0;
        (int Start, int Length)? content;
        while ((content = FindContent(buffer.AsSpan(0, length))) is null)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellation);
            length += read > 0 ? read : throw new HttpRequestException("The connection ended in the middle of an answer.");
        }

        if (next is not null)
        {
            using var answer = JsonDocument.Parse(buffer.AsMemory(content.Value.Start, content.Value.Length));
            bodies[caller] = next(answer.RootElement);
        }
    }

    /// <returns>Where the content of a complete answer is; null while it is incomplete.</returns>
    /// <exception cref="HttpRequestException">The answer is not a 200, so the measurement is void.</exception>
    private static (int Start, int Length)? FindContent(ReadOnlySpan<byte> answer)
    {
        var start = answer.IndexOf("\r\n\r\n"u8) + 4;
        if (start < 4)
        {
            return null;
        }

        if (!answer.StartsWith("HTTP/1.1 200 "u8))
        {
            throw new HttpRequestException(Encoding.UTF8.GetString(answer));
        }

        var header = answer[..start].IndexOf("Content-Length: "u8);
        if (header >= 0)
        {
            _ = Utf8Parser.TryParse(answer[(header + "Content-Length: ".Length)..], out int bytes, out _);
            return answer.Length >= start + bytes ? (start, bytes) : null;
        }

        // In chunks, of which these short answers have one: its size, a line end, the content, a line end, and the empty last chunk.
        if (!answer.EndsWith("\r\n0\r\n\r\n"u8))
        {
            return null;
        }

        var line = answer[start..].IndexOf("\r\n"u8);
        _ = Utf8Parser.TryParse(answer.Slice(start, line), out int size, out _, 'x');
        return (start + line + 2, size);
    }
}
