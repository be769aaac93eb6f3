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

    private readonly SemaphoreSlim reading = new(1); // taken while a read runs, and for good once the handler may read no more
    private readonly SemaphoreSlim writing = new(1); // taken while a write runs, and for good once nothing more may be written
    private readonly TaskCompletionSource written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource told = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource finished = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private FrameFollower toClient, fromClient;
    private StreamEnd? end;

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
            _ = CloseAsync(onWritten);
        }
    }

    /// <summary>
    /// Call it when the request is over. After <see cref="Close"/> it waits for the client's Close frame, and drops everything else that
    /// the client sends. When it returns, nothing more is written: the web server may use the connection for the next request, of another
    /// user.
    /// </summary>
    public async Task FinishAsync()
    {
        if (IsEnded)
        {
            await told.Task;
            await AwaitAnswerAsync();
            finished.TrySetResult();
        }

        var sealing = Task.WhenAny(writing.WaitAsync(), written.Task);
        if (!sealing.IsCompleted)
        {
            await CutUnlessAsync(sealing, WriteTime); // a write that its client does not read
            await sealing;
        }
    }

    private async Task AwaitAnswerAsync()
    {
        await reading.WaitAsync(); // a read that the handler has given up; the client's frame or the cut ends it
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
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        ThrowIfEnded();
        if (!reading.Wait(0, CancellationToken.None))
        {
            ThrowIfEnded(); // the end may have come since, and taken the turn
            throw new InvalidOperationException("Another read of this stream is under way.");
        }

        try
        {
            var read = await inner.ReadAsync(buffer, cancellationToken);
            fromClient.Follow(buffer.Span[..read]);
            ThrowIfEnded();
            return read;
        }
        finally
        {
            reading.Release();
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!writing.Wait(0, CancellationToken.None))
        {
            throw new IOException("The stream is closed."); // only the Close frame can be in the way, or the end of the request
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
            writing.Release(); // a full fence: either this sees the end, or the end sees that nobody writes
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
        told.TrySetResult();
        _ = CutUnlessAsync(finished.Task, AnswerTime); // also if the handler does not notice that its session has ended
        onWritten();
    }

    private async Task CutUnlessAsync(Task done, TimeSpan patience)
    {
        await Task.WhenAny(done, Task.Delay(patience, clock));
        if (!done.IsCompleted)
        {
            abort();
        }
    }

    /// <summary>Writes the Close frame, unless a write runs, which then does it, a frame is not complete, or the request is over.</summary>
    private async Task TryWriteCloseAsync()
    {
        Interlocked.MemoryBarrier();
        if (!writing.Wait(0, CancellationToken.None))
        {
            return;
        }

        if (!toClient.IsAtBoundary)
        {
            writing.Release();
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
