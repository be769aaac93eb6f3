using System.Buffers;
using System.IO.Pipelines;
using System.Net.Security;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace AuthMesh.Gateway.Connections;

/// <summary>
/// Treats an HTTP/1.0 POST or PUT without a length as one without a body (RFC 9112 §6.3). By default, nginx forwards
/// <c>curl -X POST …/logout</c> that way. The web server would refuse it with an empty 400 before any middleware sees it, and the session
/// would stay alive.
/// </summary>
/// <remarks>
/// It inspects only the first request of a connection: a proxy that speaks HTTP/1.0 opens a connection for each request.
/// </remarks>
internal sealed class UnsizedRequests(KestrelServerLimits limits)
{
    private const string NoBody = "Content-Length: 0\r\n";
    private const int LongestMethod = 5; // with its space

    public async Task RunAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if (IsHttp2(connection) || await LookAtFirstAsync(connection))
        {
            await next(connection);
        }
    }

    private static bool IsHttp2(ConnectionContext connection) =>
        connection.Features.Get<ISslStreamFeature>()?.SslStream.NegotiatedApplicationProtocol == SslApplicationProtocol.Http2;

    // The timers of the web server do not cover a connection before it receives it, so this method sets its own.
    private async Task<bool> LookAtFirstAsync(ConnectionContext connection)
    {
        var input = connection.Transport.Input;
        var shutdown = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(shutdown);
        patience.CancelAfter(limits.KeepAliveTimeout);
        var hasBegun = false;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(patience.Token);
                switch (Judge(read.Buffer, out var headEnd))
                {
                    case Verdict.Unsized:
                        var head = AddLength(read.Buffer.Slice(0, headEnd));
                        input.AdvanceTo(headEnd);
                        connection.Transport = new HeadFirst(head, connection.Transport);
                        return true;
                    case Verdict.Undecided when !read.IsCompleted && read.Buffer.Length < limits.MaxRequestHeadersTotalSize:
                        input.AdvanceTo(read.Buffer.Start, read.Buffer.End);
                        if (!hasBegun)
                        {
                            hasBegun = true;
                            patience.CancelAfter(limits.RequestHeadersTimeout);
                        }

                        break;
                    default:
                        input.AdvanceTo(read.Buffer.Start); // consumes nothing, so the web server reads everything again
                        return true;
                }
            }
        }
        catch (OperationCanceledException) // no request came, or it came too slowly, or the gateway stops
        {
            return hasBegun && !shutdown.IsCancellationRequested; // the web server answers a request that is too slow
        }
        catch (Exception exception) when (exception is IOException or ConnectionAbortedException)
        {
            return false; // the client left
        }
    }

    private static Verdict Judge(ReadOnlySequence<byte> buffer, out SequencePosition headEnd)
    {
        headEnd = default;
        Span<byte> start = stackalloc byte[LongestMethod];
        var length = (int)Math.Min(buffer.Length, start.Length);
        buffer.Slice(0, length).CopyTo(start);
        if (!IsStartOf(start[..length], "POST "u8) && !IsStartOf(start[..length], "PUT "u8))
        {
            return Verdict.Usual;
        }

        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryReadTo(out ReadOnlySequence<byte> requestLine, (byte)'\n'))
        {
            return Verdict.Undecided;
        }

        if (!EndsWith(requestLine, " HTTP/1.0\r"u8))
        {
            return Verdict.Usual;
        }

        while (reader.TryReadTo(out ReadOnlySequence<byte> line, (byte)'\n'))
        {
            if (line.Length <= 1)
            {
                headEnd = reader.Position;
                return Verdict.Unsized;
            }

            if (StartsWith(line, "content-length") || StartsWith(line, "transfer-encoding"))
            {
                return Verdict.Usual;
            }
        }

        return Verdict.Undecided;
    }

    private static bool IsStartOf(ReadOnlySpan<byte> text, ReadOnlySpan<byte> method) =>
        text.Length < method.Length ? method.StartsWith(text) : text.StartsWith(method);

    private static bool EndsWith(ReadOnlySequence<byte> line, ReadOnlySpan<byte> end)
    {
        Span<byte> tail = stackalloc byte[end.Length];
        if (line.Length < end.Length)
        {
            return false;
        }

        line.Slice(line.Length - end.Length).CopyTo(tail);
        return tail.SequenceEqual(end);
    }

    private static bool StartsWith(ReadOnlySequence<byte> line, string name)
    {
        Span<byte> start = stackalloc byte[name.Length];
        if (line.Length < start.Length)
        {
            return false;
        }

        line.Slice(0, start.Length).CopyTo(start);
        return Ascii.EqualsIgnoreCase(start, name);
    }

    private static byte[] AddLength(ReadOnlySequence<byte> head)
    {
        var lineEnd = head.PositionOf((byte)'\n')!.Value;
        var line = head.Slice(0, head.GetPosition(1, lineEnd));
        return [.. line.ToArray(), .. Encoding.ASCII.GetBytes(NoBody), .. head.Slice(line.End).ToArray()];
    }

    private enum Verdict
    {
        Undecided,
        Usual,
        Unsized,
    }

    /// <summary>The connection, with the changed request head in place of the bytes already read.</summary>
    private sealed class HeadFirst(byte[] head, IDuplexPipe transport) : PipeReader, IDuplexPipe
    {
        private readonly PipeReader rest = transport.Input;
        private ReadOnlySequence<byte> left = new(head);
        private bool isExamined;

        public PipeReader Input => this;

        public PipeWriter Output => transport.Output;

        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            left.IsEmpty ? rest.ReadAsync(cancellationToken) : new(ReadHead());

        public override bool TryRead(out ReadResult result)
        {
            if (left.IsEmpty)
            {
                return rest.TryRead(out result);
            }

            result = ReadHead();
            return true;
        }

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            if (left.IsEmpty)
            {
                rest.AdvanceTo(consumed, examined);
                return;
            }

            isExamined = left.Slice(examined).IsEmpty;
            left = left.Slice(consumed);
        }

        public override void CancelPendingRead() => rest.CancelPendingRead();

        public override void Complete(Exception? exception = null) => rest.Complete(exception);

        // The head is complete. A reader that has examined all of it and waits for more of it would wait forever.
        private ReadResult ReadHead() => new(left, isCanceled: false, isCompleted: isExamined);
    }
}
