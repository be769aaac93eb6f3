using System.Diagnostics.Metrics;
using System.Runtime.InteropServices;
using AuthMesh.Revocations;

namespace AuthMesh.Streams;

/// <summary>What came of a stream that wanted to be held.</summary>
internal enum Addition
{
    Added,
    SessionIsFull,
    Full,
}

/// <summary>
/// Holds the open streams of this process by session and user, and ends them when the revocation log says so. A stream must be added before
/// its token is checked for the last time: a revocation then either finds the stream here, or the check finds the revocation.
/// </summary>
internal sealed class OpenStreams : IDisposable
{
    // A user may sign in any number of times. Without a limit, one user could take all places.
    private const int SessionsOfOneUser = 5;

    private readonly Dictionary<Guid, List<OpenStream>> bySession = [], byUser = [];
    private readonly Lock gate = new();
    private readonly RevokedAccess revoked;
    private readonly Meter meter;
    private readonly Counter<long> ended;
    private int sockets, others;
    private bool refuses;

    /// <summary>Create one instance per process.</summary>
    public OpenStreams(RevokedAccess revoked, IMeterFactory meters)
    {
        this.revoked = revoked;
        revoked.Learned += EndRevoked;
        meter = meters.Create("AuthMesh.Streams");
        meter.CreateObservableGauge(
            "authmesh.streams.open", () => Volatile.Read(ref sockets) + Volatile.Read(ref others), "{stream}", "Streams that are open.");
        ended = meter.CreateCounter<long>("authmesh.streams.ended", "{stream}", "Streams that this service ended, by reason.");
        foreach (var end in (StreamEnd[])[StreamEnd.SessionEnded, StreamEnd.TokenExpired, StreamEnd.GoingAway])
        {
            ended.Add(0, new KeyValuePair<string, object?>("reason", end.Reason));
        }
    }

    /// <summary>Adds a stream, unless too many are open.</summary>
    /// <param name="stream">The stream, which belongs to a session.</param>
    /// <param name="perSession">How many its session may hold. Its user may hold five times as many.</param>
    /// <param name="total">How many of its kind may be open: WebSockets, or others.</param>
    public Addition Add(OpenStream stream, int perSession = int.MaxValue, int total = int.MaxValue)
    {
        lock (gate)
        {
            if (refuses || (stream.IsSocket ? sockets : others) >= total)
            {
                return Addition.Full;
            }

            if (bySession.GetValueOrDefault(stream.SessionId)?.Count >= perSession
                || byUser.GetValueOrDefault(stream.UserId)?.Count >= SessionsOfOneUser * (long)perSession)
            {
                return Addition.SessionIsFull;
            }

            Add(bySession, stream.SessionId, stream);
            Add(byUser, stream.UserId, stream);
            (stream.IsSocket ? ref sockets : ref others)++;
            return Addition.Added;
        }
    }

    public void Remove(OpenStream stream)
    {
        lock (gate)
        {
            Remove(bySession, stream.SessionId, stream);
            Remove(byUser, stream.UserId, stream);
            (stream.IsSocket ? ref sockets : ref others)--;
        }

        if (stream.EndedBy is { } why)
        {
            ended.Add(1, new KeyValuePair<string, object?>("reason", why.Reason));
        }
    }

    /// <summary>Takes no further streams, because the process stops.</summary>
    public void Refuse()
    {
        lock (gate)
        {
            refuses = true;
        }
    }

    /// <summary>Ends the stream if its token is revoked. Call it when the stream is added.</summary>
    public bool EndIfRevoked(OpenStream stream) =>
        revoked.Covers(stream.SessionId, stream.UserId, stream.Epoch, stream.KeyId, stream.Application, stream.ClientEpoch)
        && stream.End(StreamEnd.SessionEnded);

    /// <summary>All streams that are open at this moment.</summary>
    public List<OpenStream> All()
    {
        lock (gate)
        {
            return [.. bySession.Values.SelectMany(streams => streams)];
        }
    }

    public void Dispose()
    {
        revoked.Learned -= EndRevoked;
        meter.Dispose();
    }

    private void EndRevoked(Revocation revocation)
    {
        foreach (var stream in Find(revocation))
        {
            if (revocation.KeyId is not null && stream.OnKeyDistrusted is { } react)
            {
                react();
            }
            else
            {
                stream.End(StreamEnd.SessionEnded);
            }
        }
    }

    private List<OpenStream> Find(Revocation revocation)
    {
        if (revocation.KeyId is { } key)
        {
            return All().FindAll(stream => stream.KeyId == key);
        }

        if (revocation.ClientId is { } client)
        {
            return All().FindAll(stream => stream.Application == client && stream.ClientEpoch < revocation.Epoch);
        }

        lock (gate)
        {
            return revocation.SessionId is { } session
                ? [.. bySession.GetValueOrDefault(session) ?? []]
                : byUser.GetValueOrDefault(revocation.UserId!.Value)?.FindAll(stream => stream.Epoch < revocation.Epoch) ?? [];
        }
    }

    private static void Add(Dictionary<Guid, List<OpenStream>> index, Guid id, OpenStream stream)
    {
        ref var streams = ref CollectionsMarshal.GetValueRefOrAddDefault(index, id, out _);
        (streams ??= new(1)).Add(stream);
    }

    private static void Remove(Dictionary<Guid, List<OpenStream>> index, Guid id, OpenStream stream)
    {
        var streams = index[id];
        streams.Remove(stream);
        if (streams.Count == 0)
        {
            index.Remove(id);
        }
    }
}
