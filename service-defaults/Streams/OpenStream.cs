using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AuthMesh.Streams;

/// <summary>
/// A request that stays open: a WebSocket, or an answer that does not end by itself. It belongs to the session of its token. A WebSocket is
/// closed with a code. Any other stream is cut, so that what was cut does not look complete.
/// </summary>
/// <remarks>
/// For a WebSocket it stands in for three features of the web server. It thereby sees the accepted connection, and can cancel what the
/// handler of the request waits for.
/// </remarks>
internal sealed class OpenStream : IHttpRequestLifetimeFeature, IHttpUpgradeFeature, IHttpExtendedConnectFeature, IDisposable
{
    private readonly IHttpRequestLifetimeFeature lifetime;
    private readonly IHttpUpgradeFeature? upgrade;
    private readonly IHttpExtendedConnectFeature? connect;
    private readonly TimeProvider clock;
    private readonly CancellationTokenSource? aborted;
    private readonly CancellationTokenRegistration link;
    private readonly Lock timing = new();
    private StreamEnd? end;
    private SocketStream? socket;
    private ITimer? timer;
    private bool isOver;
    private int isAccepted;
    private VerifiedToken? token;

    public OpenStream(HttpContext context, bool isSocket, TimeProvider clock)
    {
        this.clock = clock;
        lifetime = context.Features.GetRequiredFeature<IHttpRequestLifetimeFeature>();
        IsSocket = isSocket;
        if (isSocket)
        {
            upgrade = context.Features.Get<IHttpUpgradeFeature>();
            connect = context.Features.Get<IHttpExtendedConnectFeature>();
            RequestAborted = (aborted = new()).Token;
            link = lifetime.RequestAborted.UnsafeRegister(static stream => ((OpenStream)stream!).Cancel(), this);
        }
    }

    public bool IsSocket { get; }

    public Guid SessionId => token!.SessionId;

    public Guid UserId => token!.Subject;

    public long Epoch => token!.Epoch;

    public string? Application => token!.Application;

    public long ClientEpoch => token!.ClientEpoch;

    /// <summary>The key that signed the newest token of this stream.</summary>
    public string KeyId { get; set; } = "";

    /// <summary>Why the stream was ended from this side; null if it was not.</summary>
    public StreamEnd? EndedBy => Volatile.Read(ref end);

    /// <summary>Runs when <see cref="KeyId"/> is distrusted. Unless set, the stream then ends.</summary>
    public Action? OnKeyDistrusted { get; set; }

    /// <summary>Runs before the WebSocket is accepted. The handler of the request gets what it throws.</summary>
    public Action<OpenStream>? OnAccept { get; init; }

    public CancellationToken RequestAborted { get; set; }

    bool IHttpUpgradeFeature.IsUpgradableRequest => upgrade?.IsUpgradableRequest is true;

    bool IHttpExtendedConnectFeature.IsExtendedConnect => connect?.IsExtendedConnect is true;

    string? IHttpExtendedConnectFeature.Protocol => connect?.Protocol;

    /// <summary>Says to which session the stream belongs.</summary>
    public void BelongTo(VerifiedToken owner) => (token, KeyId) = (owner, owner.Key.KeyId);

    /// <summary>Takes the place of the web server's features; <see cref="Detach"/> puts them back.</summary>
    public void Attach(HttpContext context)
    {
        context.Features.Set<IHttpRequestLifetimeFeature>(this);
        context.Features.Set<IHttpUpgradeFeature>(this);
        context.Features.Set<IHttpExtendedConnectFeature>(this);
    }

    public void Detach(HttpContext context)
    {
        context.Features.Set(lifetime);
        context.Features.Set(upgrade);
        context.Features.Set(connect);
    }

    /// <summary>Ends the stream at the given time, unless another call says otherwise until then.</summary>
    public void EndAt(DateTimeOffset time, StreamEnd why) => RunAt(time, () => End(why));

    /// <summary>Runs the action at the given time, in place of what an earlier call asked for, unless the stream is over by then.</summary>
    public void RunAt(DateTimeOffset time, Action action)
    {
        var due = time - clock.GetUtcNow();
        lock (timing)
        {
            if (!isOver)
            {
                timer?.Dispose();
                timer = clock.CreateTimer(
                    static run => ((Action)run!)(), action, due > TimeSpan.Zero ? due : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Ends the stream. Only the first call counts. It returns at once: the caller may have thousands of streams.</summary>
    public bool End(StreamEnd why)
    {
        if (Interlocked.CompareExchange(ref end, why, null) is not null)
        {
            return false;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static stream => stream.Close(), this, preferLocal: false);
        return true;
    }

    /// <summary>
    /// Waits until an ended WebSocket is closed on both sides, or cut, and gives the request back to the web server. Call it when the
    /// handler is done, also if it threw: nothing is written to the connection afterwards.
    /// </summary>
    public async Task FinishAsync(HttpContext context)
    {
        try
        {
            if (Volatile.Read(ref socket) is { } accepted)
            {
                if (EndedBy is not null)
                {
                    CloseSocket(accepted); // End does it on another thread, which may be late
                }

                await accepted.FinishAsync();
            }
        }
        finally
        {
            Detach(context);
        }
    }

    /// <summary>Cancels a handshake that has no answer yet.</summary>
    public void CancelUnlessAccepted()
    {
        if (Volatile.Read(ref socket) is null)
        {
            Cancel();
        }
    }

    /// <summary>Cuts the connection. A handler that gives up an ended WebSocket does not: its client would lose the Close frame.</summary>
    public void Abort()
    {
        if (EndedBy is null || Volatile.Read(ref socket) is null)
        {
            Cut();
        }
    }

    public Task<Stream> UpgradeAsync() => AcceptAsync(upgrade!.UpgradeAsync);

    ValueTask<Stream> IHttpExtendedConnectFeature.AcceptAsync() => new(AcceptAsync(() => connect!.AcceptAsync().AsTask()));

    public void Dispose()
    {
        lock (timing)
        {
            isOver = true;
            timer?.Dispose();
        }

        link.Dispose();
    }

    private async Task<Stream> AcceptAsync(Func<Task<Stream>> accept)
    {
        if (Interlocked.Exchange(ref isAccepted, 1) != 0)
        {
            return await accept(); // which refuses a second time
        }

        OnAccept?.Invoke(this);
        if (EndedBy is not null)
        {
            throw new OperationCanceledException("The session has ended.");
        }

        var inner = await accept();
        if (token is null)
        {
            return inner; // nobody signed in with a token of the mesh
        }

        var accepted = new SocketStream(inner, Cut, clock);
        Volatile.Write(ref socket, accepted);
        Interlocked.MemoryBarrier(); // either End sees the socket, or this sees the end
        if (EndedBy is not null)
        {
            CloseSocket(accepted);
        }

        return accepted;
    }

    private void Close()
    {
        if (!IsSocket)
        {
            Cut();
        }
        else if (Volatile.Read(ref socket) is { } accepted)
        {
            CloseSocket(accepted);
        }
        else
        {
            Cancel(); // the handshake has no answer yet
        }
    }

    private void CloseSocket(SocketStream accepted) => accepted.Close(EndedBy!, Cancel);

    // Once the request is over, the web server may use the same object for the next one of its client.
    private void Cut()
    {
        lock (timing)
        {
            if (!isOver)
            {
                lifetime.Abort();
            }
        }
    }

    private void Cancel() => _ = aborted!.CancelAsync(); // on another thread: the callbacks are the service's, and may throw or wait
}
