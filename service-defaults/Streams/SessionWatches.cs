using AuthMesh.Revocations;

namespace AuthMesh.Streams;

/// <summary>
/// Cancels a token for each session that some request asked about, when that session ends. It holds them weakly, because nothing says when
/// the last request forgets one: SignalR keeps a copy of a request for as long as its connection lasts.
/// </summary>
internal sealed class SessionWatches : IDisposable
{
    private readonly Dictionary<(Guid Session, Guid User, long Epoch), WeakReference<CancellationTokenSource>> watches = [];
    private readonly Lock gate = new();
    private readonly RevokedAccess revoked;
    private int purgeAt = 100;

    /// <summary>Create one instance per process.</summary>
    public SessionWatches(RevokedAccess revoked)
    {
        this.revoked = revoked;
        revoked.Learned += CancelRevoked;
    }

    /// <summary>Returns the source for the session of a token. The caller must keep it.</summary>
    public CancellationTokenSource Watch(Guid sessionId, Guid userId, long epoch)
    {
        CancellationTokenSource source;
        var key = (sessionId, userId, epoch);
        lock (gate)
        {
            if (watches.TryGetValue(key, out var weak) && weak.TryGetTarget(out var known))
            {
                return known;
            }

            Purge();
            watches[key] = new(source = new());
        }

        // Asked after the source was added: a revocation finds the source, or is found here.
        if (HasEnded(sessionId, userId, epoch))
        {
            source.Cancel();
        }

        return source;
    }

    public bool HasEnded(Guid sessionId, Guid userId, long epoch) => revoked.Covers(sessionId, userId, epoch, keyId: "");

    public void Dispose() => revoked.Learned -= CancelRevoked;

    private void CancelRevoked(Revocation revocation)
    {
        List<CancellationTokenSource> ended = [];
        lock (gate)
        {
            foreach (var (key, weak) in watches)
            {
                if ((key.Session == revocation.SessionId || (key.User == revocation.UserId && key.Epoch < revocation.Epoch))
                    && weak.TryGetTarget(out var source))
                {
                    ended.Add(source);
                }
            }
        }

        foreach (var source in ended)
        {
            _ = source.CancelAsync(); // on another thread: the callbacks are the service's
        }
    }

    private void Purge()
    {
        if (watches.Count >= purgeAt)
        {
            foreach (var (key, weak) in watches)
            {
                if (!weak.TryGetTarget(out _))
                {
                    watches.Remove(key);
                }
            }

            purgeAt = Math.Max(100, 2 * watches.Count);
        }
    }
}
