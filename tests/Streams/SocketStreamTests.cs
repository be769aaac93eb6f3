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

    /// <summary>The web server's side of an accepted WebSocket.</summary>
    private sealed class Connection : MemoryStream
    {
        private readonly TaskCompletionSource never = new();

        public bool IsFull { get; set; }

        public byte[] Received { get; set; } = [];

        public MemoryStream Sent { get; } = new();

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
