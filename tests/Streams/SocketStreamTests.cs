using AuthMesh.Streams;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Streams;

/// <summary>The patience of <see cref="SocketStream"/> with clients that do not read or do not answer.</summary>
public sealed class SocketStreamTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly Connection connection = new();
    private readonly TaskCompletionSource written = new();
    private bool isCut;

    private SocketStream Open() => new(connection, () => isCut = true, clock);

    [Fact]
    public async Task A_write_that_waits_for_the_client_is_cut_after_200_ms()
    {
        await using var stream = Open();
        connection.IsFull = true;
        var writing = stream.WriteAsync(new byte[] { 0x82, 0x01, 0x00 }, CancellationToken.None).AsTask();

        stream.Close(StreamEnd.SessionEnded, written.SetResult);
        clock.Advance(TimeSpan.FromMilliseconds(199));
        Assert.False(isCut);
        clock.Advance(TimeSpan.FromMilliseconds(1));

        await written.Task.WaitAsync(StreamCalls.Soon());
        Assert.True(isCut);
        Assert.False(writing.IsCompleted);
    }

    [Fact]
    public async Task A_client_that_does_not_answer_the_Close_frame_is_cut_after_a_second()
    {
        await using var stream = Open();
        stream.Close(StreamEnd.SessionEnded, written.SetResult);
        await written.Task.WaitAsync(StreamCalls.Soon());
        Assert.Equal(StreamEnd.SessionEnded.Frame, connection.Sent.ToArray());

        clock.Advance(TimeSpan.FromMilliseconds(999));
        Assert.False(isCut);
        await Patience.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(1));
            return isCut;
        });
    }

    [Fact]
    public async Task A_client_that_answers_is_not_cut_and_nothing_passes_in_between()
    {
        await using var stream = Open();
        stream.Close(StreamEnd.SessionEnded, written.SetResult);
        await written.Task.WaitAsync(StreamCalls.Soon());
        connection.Received = [0x81, 0x81, 1, 2, 3, 4, 5, 0x88, 0x80, 1, 2, 3, 4];

        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(new byte[10], CancellationToken.None).AsTask());
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[] { 0x81, 0 }, CancellationToken.None).AsTask());
        await stream.FinishAsync().WaitAsync(StreamCalls.Soon());
        clock.Advance(TimeSpan.FromSeconds(10));

        Assert.False(isCut);
        Assert.Equal(StreamEnd.SessionEnded.Frame, connection.Sent.ToArray());
    }

    [Fact]
    public async Task Nothing_is_written_once_the_request_is_over()
    {
        await using var stream = Open();
        await stream.WriteAsync(new byte[] { 0x82, 0x01, 0x00 }, CancellationToken.None);
        await stream.FinishAsync().WaitAsync(StreamCalls.Soon());

        stream.Close(StreamEnd.SessionEnded, written.SetResult); // a revocation that found the stream a moment before
        await Assert.ThrowsAsync<IOException>(() => stream.WriteAsync(new byte[] { 0x82, 0 }, CancellationToken.None).AsTask());
        await Patience.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            return written.Task.IsCompleted;
        });

        Assert.Equal([0x82, 0x01, 0x00], connection.Sent.ToArray());
    }

    [Fact]
    public async Task The_end_of_the_request_waits_for_a_Close_frame_that_is_being_written()
    {
        await using var stream = Open();
        connection.IsFull = true;
        stream.Close(StreamEnd.SessionEnded, written.SetResult);
        var finishing = stream.FinishAsync();
        await Patience.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            return isCut;
        });
        Assert.False(finishing.IsCompleted);

        connection.Break();
        await finishing.WaitAsync(StreamCalls.Soon());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_handler_that_throws_or_waits_when_it_is_told_keeps_no_stream_open(bool throws)
    {
        await using var stream = Open();
        using var held = new ManualResetEventSlim();
        var told = new TaskCompletionSource();

        _ = Task.Run(
            () => stream.Close(StreamEnd.SessionEnded, () =>
            {
                told.SetResult();
                if (throws)
                {
                    throw new InvalidOperationException("a handler's own fault");
                }

                held.Wait();
            }),
            TestContext.Current.CancellationToken);
        await told.Task.WaitAsync(StreamCalls.Soon());
        await Patience.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromMilliseconds(100));
            return isCut;
        });
        held.Set();
    }

    /// <summary>The web server's side of an accepted WebSocket.</summary>
    private sealed class Connection : MemoryStream
    {
        private readonly TaskCompletionSource never = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsFull { get; set; }

        public byte[] Received { get; set; } = [];

        public MemoryStream Sent { get; } = new();

        /// <summary>What a write gets that the web server has cut.</summary>
        public void Break() => never.SetException(new IOException("The connection was cut."));

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var length = Math.Min(buffer.Length, Received.Length);
            Received.AsSpan(0, length).CopyTo(buffer.Span);
            Received = Received[length..];
            return new(length);
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await (IsFull ? never.Task : Task.CompletedTask);
            Sent.Write(buffer.Span);
        }
    }
}
