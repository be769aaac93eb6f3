using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace AuthMesh.Bench.Sessions;

/// <summary>
/// Refreshes over persistent connections, one for each caller. HttpClient would take as much processor time as the measured service, and
/// both share the processor here.
/// </summary>
internal sealed class RefreshCalls(Uri address, Rotatable sessions, int callers) : ICalls
{
    private readonly (TcpClient Socket, byte[] Buffer)?[] connections = new (TcpClient, byte[])?[callers];

    public bool MovesSessions => true;

    public async Task CallAsync(int caller, int session, CancellationToken cancellation)
    {
        var (socket, buffer) = connections[caller] ??= (new TcpClient(address.Host, address.Port) { NoDelay = true }, new byte[8 * 1024]);
        var body = $$"""{"refresh_token":"{{sessions.Next(session)}}"}""";
        var stream = socket.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes(
                $"POST /refresh HTTP/1.1\r\nHost: {address.Authority}\r\nContent-Type: application/json\r\nContent-Length: "
                + $"{body.Length}\r\n\r\n{body}"),
            cancellation);

        for (var length = 0; !IsWhole(buffer.AsSpan(0, length));)
        {
            var read = await stream.ReadAsync(buffer.AsMemory(length), cancellation);
            length += read > 0 ? read
                : throw new HttpRequestException($"The connection ended after {Encoding.ASCII.GetString(buffer, 0, length)}");
        }
    }

    /// <exception cref="HttpRequestException">The answer is not a 200.</exception>
    private static bool IsWhole(ReadOnlySpan<byte> answer)
    {
        var headers = answer.IndexOf("\r\n\r\n"u8) + 4;
        if (headers < 4)
        {
            return false;
        }

        if (!answer.StartsWith("HTTP/1.1 200 "u8))
        {
            throw new HttpRequestException(Encoding.ASCII.GetString(answer));
        }

        var length = answer[..headers].IndexOf("Content-Length: "u8); // without it, the body comes in chunks and the last is empty
        return length < 0 ? answer.EndsWith("\r\n0\r\n\r\n"u8)
            : Utf8Parser.TryParse(answer[(length + "Content-Length: ".Length)..], out int bytes, out _) && answer.Length >= headers + bytes;
    }
}
