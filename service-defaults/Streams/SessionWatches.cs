using AuthMesh.Revocations;

namespace AuthMesh.Streams;

/// <summary>
/// Cancels a token for each session that some request asked about, when that session ends. It holds them weakly, because nothing says when
/// the last request forgets one: SignalR keeps a copy of a request for as long as its connection lasts.
/// </summary>
internal sealed class SessionWatches : IDisposable
{
    private readonly Dictionary<WatchedSession, WeakReference<CancellationTokenSource>> watches = [];
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
    public CancellationTokenSource Watch(WatchedSession session)
    {
        CancellationTokenSource source;
        lock (gate)
        {
            if (watches.TryGetValue(session, out var weak) && weak.TryGetTarget(out var known))
            {
                return known;
            }

            Purge();
            watches[session] = new(source = new());
        }

        // Asked after the source was added: a revocation finds the source, or is found here.
        if (HasEnded(session))
        {
            source.Cancel();
        }

        return source;
    }

    public bool HasEnded(WatchedSession session) => revoked.Covers(
        session.SessionId, session.UserId, session.Epoch, keyId: "", session.Application, session.ClientEpoch);

    public void Dispose() => revoked.Learned -= CancelRevoked;

    private void CancelRevoked(Revocation revocation)
    {
        List<CancellationTokenSource> ended = [];
        lock (gate)
        {
            foreach (var (session, weak) in watches)
            {
                if (session.IsCoveredBy(revocation) && weak.TryGetTarget(out var source))
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

/// <summary>
/// What a token says about its session, as far as revocations ask. The application is the one that got the token for a user, or null.
/// </summary>
internal readonly record struct WatchedSession(Guid SessionId, Guid UserId, long Epoch, string? Application = null, long ClientEpoch = 0)
{
    public bool IsCoveredBy(Revocation revocation) =>
        SessionId == revocation.SessionId
        || (UserId == revocation.UserId && Epoch < revocation.Epoch)
        || (Application is not null && Application == revocation.ClientId && ClientEpoch < revocation.Epoch);
}
