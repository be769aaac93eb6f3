namespace AuthMesh.Streams;

/// <summary>
/// The bytes of an accepted WebSocket, seen from the server. It follows the frames of both directions, so that <see cref="CloseAsync"/> can
/// put a Close frame between two frames. From then on nothing passes in either direction: what the client sends arrives nowhere.
/// </summary>
/// <param name="inner">The connection of the client.</param>
/// <param name="abort">Cuts the connection.</param>
/// <param name="clock">Measures the patience with the client.</param>
internal sealed class SocketStream(Stream inner, Action abort, TimeProvider clock) : Stream
{
    // A client that reads takes a Close frame at once. The others must not keep what their session no longer allows.
    private static readonly TimeSpan WriteTime = TimeSpan.FromMilliseconds(200);

    // The client answers with a Close frame. If the server hung up before, the client might lose the code (RFC 6455 §7.1.1).
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(1);

    private readonly TaskCompletionSource written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private FrameFollower toClient, fromClient;
    private int isWriting; // 1 while a write runs, and for good once the Close frame is written
    private StreamEnd? end;
    private Task closing = Task.CompletedTask;

    public override bool CanRead => true;

    public override bool CanWrite => true;

    public override bool CanSeek => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    private bool IsEnded => Volatile.Read(ref end) is not null;

    /// <summary>Closes the WebSocket at the end of the current frame. Only the first call counts. It does not throw.</summary>
    /// <param name="why">The code and the reason for the client.</param>
    /// <param name="onWritten">Runs when the client has been told.</param>
    public void Close(StreamEnd why, Action onWritten)
    {
        if (Interlocked.CompareExchange(ref end, why, null) is null)
        {
            closing = CloseAsync(onWritten);
        }
    }

    /// <summary>Waits for the client's Close frame after <see cref="Close"/>, and drops everything else that it sends.</summary>
    public async Task FinishAsync()
    {
        if (!IsEnded)
        {
            return;
        }

        await closing;
        var buffer = new byte[256];
        try
        {
            while (!fromClient.HasClosed && await inner.ReadAsync(buffer) is > 0 and var read)
            {
                fromClient.Follow(buffer.AsSpan(0, read));
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // the client has left, or its time is over
        }

        finished.TrySetResult();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded();
        var read = await inner.ReadAsync(buffer, cancellationToken);
        fromClient.Follow(buffer.Span[..read]);
        ThrowIfEnded();
        return read;
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (Interlocked.CompareExchange(ref isWriting, 1, 0) != 0)
        {
            throw new IOException("The stream is closed."); // only the Close frame can be in the way
        }

        var allowed = buffer.Length;
        try
        {
            if (IsEnded)
            {
                allowed = toClient.FollowToBoundary(buffer.Span);
            }
            else
            {
                toClient.Follow(buffer.Span);
            }

            if (allowed > 0)
            {
                await inner.WriteAsync(buffer[..allowed], cancellationToken);
            }
        }
        finally
        {
            Interlocked.Exchange(ref isWriting, 0); // a full fence: either this sees the end, or the end sees that nobody writes
        }

        if (IsEnded)
        {
            await TryWriteCloseAsync();
            if (allowed < buffer.Length)
            {
                ThrowIfEnded();
            }
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush() => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task CloseAsync(Action onWritten)
    {
        _ = TryWriteCloseAsync(); // it may wait for a client that does not read
        await CutUnlessAsync(written.Task, WriteTime);
        onWritten();
        _ = CutUnlessAsync(finished.Task, AnswerTime); // also if the handler does not notice that its session has ended
    }

    private async Task CutUnlessAsync(Task done, TimeSpan patience)
    {
        await Task.WhenAny(done, Task.Delay(patience, clock));
        if (!done.IsCompleted)
        {
            abort();
        }
    }

    /// <summary>Writes the Close frame, unless a write runs, which then does it, or a frame is not complete.</summary>
    private async Task TryWriteCloseAsync()
    {
        Interlocked.MemoryBarrier();
        if (Interlocked.CompareExchange(ref isWriting, 1, 0) != 0)
        {
            return;
        }

        if (!toClient.IsAtBoundary)
        {
            Interlocked.Exchange(ref isWriting, 0);
            return;
        }

        try
        {
            if (!toClient.HasClosed)
            {
                await inner.WriteAsync(end!.Frame);
                await inner.FlushAsync();
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // the client has left
        }

        written.TrySetResult();
    }

    private void ThrowIfEnded()
    {
        if (IsEnded)
        {
            throw new IOException("The session of this stream has ended.");
        }
    }
}
