using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Revocations;

/// <summary>
/// Holds the revocations that this process knows: ended sessions, users and applications below an epoch, and distrusted keys. It keeps
/// all but the keys until every token that the entry could affect has expired. It keeps a key forever.
/// </summary>
public sealed partial class RevokedAccess : IDisposable
{
    // The issuer waits for every verifier that it has seen in the last 10 s. It may have seen this one up to 3 s before the last
    // confirmation.
    private static readonly TimeSpan Awaited = TimeSpan.FromSeconds(6);

    private readonly ConcurrentDictionary<Guid, long> sessions = new();
    private readonly ConcurrentDictionary<Guid, (long Epoch, long HeardAt)> users = new();
    private readonly ConcurrentDictionary<string, (long Epoch, long HeardAt)> clients = new();
    private readonly ConcurrentDictionary<string, bool> keys = new(); // used as a set
    private readonly ConcurrentDictionary<string, long> unknownKinds = new();
    private readonly Queue<(long HeardAt, Action Forget)> inOrder = new();
    private readonly Lock writing = new();
    private readonly TimeProvider clock;
    private readonly RevocationOptions options;
    private readonly ILogger<RevokedAccess> logger;
    private readonly Meter meter;
    private long confirmedAt;
    private volatile bool isCaughtUp;
    private volatile bool saidStale;
    private volatile bool hasUnknownKinds; // read for every request; asking the dictionary would take its locks

    /// <summary>Create one instance per process.</summary>
    public RevokedAccess(TimeProvider clock, IOptions<AuthMeshOptions> mesh, IMeterFactory meters, ILogger<RevokedAccess> logger)
    {
        this.clock = clock;
        this.logger = logger;
        options = mesh.Value.Revocations;
        meter = meters.Create("AuthMesh.Revocations");
        meter.CreateObservableGauge(
            "authmesh.revocations.staleness", () => Staleness.TotalSeconds, "s",
            "Time since the revocation log was last confirmed to be complete here.");
        meter.CreateObservableGauge(
            "authmesh.revocations.unknown_kinds", () => unknownKinds.Count, "{kind}",
            "Kinds of revocations that reached this service and that its version does not know.");
        meter.CreateObservableGauge(
            "authmesh.revocations.held", () => sessions.Count + users.Count + clients.Count + keys.Count, "{revocation}",
            "Revocations held.");
    }

    /// <summary>Raised once this process refuses what the revocation covers, on the feed's thread: handlers return at once.</summary>
    internal event Action<Revocation>? Learned;

    /// <summary>Whether this process knows everything that was revoked before it started. Until then it cannot judge tokens.</summary>
    public bool IsCaughtUp => isCaughtUp;

    /// <summary>Time since the feed last confirmed that this process has every entry.</summary>
    public TimeSpan Staleness => isCaughtUp ? clock.GetElapsedTime(Interlocked.Read(ref confirmedAt)) : TimeSpan.Zero;

    /// <summary>Whether <see cref="Staleness"/> exceeds <see cref="RevocationOptions.StaleAfter"/>.</summary>
    public bool IsStale => isCaughtUp && Staleness > options.StaleAfter;

    /// <summary>
    /// Whether the issuer still waits for this process before it signs with a new key. If it no longer waits, an unknown key may be a new
    /// one and need not be forged.
    /// </summary>
    public bool IsAwaited => isCaughtUp && Staleness < Awaited;

    /// <summary>
    /// Kinds of entries that this version does not know, received within <see cref="AccessTokenLifetime.Remembered"/>. This process accepts
    /// the tokens that they revoked. It stays degraded until the last of them is that old, when every token that it revoked has expired. A
    /// restart does not help, a newer version does.
    /// </summary>
    public IReadOnlyCollection<string> UnknownKinds => [.. unknownKinds.Keys];

    /// <summary>
    /// Whether this process can judge tokens. It cannot before it has caught up. With <see cref="OnStale.Reject"/> it also cannot while a
    /// revocation may be missing here.
    /// </summary>
    public bool CanJudge => isCaughtUp && (options.OnStale == OnStale.Accept || (!IsStale && !hasUnknownKinds));

    /// <summary>Whether a token is revoked.</summary>
    /// <param name="sessionId">Its <c>sid</c>.</param>
    /// <param name="userId">Its <c>sub</c>.</param>
    /// <param name="epoch">Its <c>epoch</c>.</param>
    /// <param name="keyId">Its <c>kid</c>.</param>
    /// <param name="clientId">Its <c>client_id</c> if it has a <c>client_epoch</c>; else null.</param>
    /// <param name="clientEpoch">Its <c>client_epoch</c>.</param>
    public bool Covers(Guid sessionId, Guid userId, long epoch, string keyId, string? clientId = null, long clientEpoch = 0) =>
        sessions.ContainsKey(sessionId)
        || (users.TryGetValue(userId, out var user) && epoch < user.Epoch)
        || (clientId is not null && clients.TryGetValue(clientId, out var client) && clientEpoch < client.Epoch)
        || keys.ContainsKey(keyId);

    /// <summary>Learns one entry of the log.</summary>
    /// <param name="kind">The name of a <see cref="RevocationKind"/>, or of one that only a newer version knows.</param>
    /// <param name="subject">The id of the session, user, application or key.</param>
    /// <param name="epoch">Only for kinds that have one.</param>
    public void Take(string kind, string subject, long epoch)
    {
        if (RevocationKind.Find(kind) is { } known)
        {
            known.Learn(this, subject, epoch);
        }
        else
        {
            TakeUnknown(kind);
        }
    }

    /// <summary>Records an entry of an unknown kind: this version cannot tell which tokens it revokes.</summary>
    internal void TakeUnknown(string kind)
    {
        lock (writing)
        {
            var now = clock.GetTimestamp();
            if (!unknownKinds.ContainsKey(kind))
            {
                LogUnknownKind(kind, AccessTokenLifetime.Remembered.TotalMinutes); // once per kind, not once per entry
            }

            unknownKinds[kind] = now;
            hasUnknownKinds = true;
            inOrder.Enqueue((now, () => ForgetUnknown(kind, now)));
        }
    }

    /// <summary>Refuses tokens of this session from now on.</summary>
    public void EndSession(Guid sessionId)
    {
        lock (writing)
        {
            var now = clock.GetTimestamp();
            sessions[sessionId] = now;
            inOrder.Enqueue((now, () => sessions.TryRemove(KeyValuePair.Create(sessionId, now))));
        }

        Learned?.Invoke(new(SessionId: sessionId));
    }

    /// <summary>Refuses tokens of this user with a smaller epoch from now on.</summary>
    public void RaiseEpoch(Guid userId, long epoch)
    {
        Raise(users, userId, epoch);
        Learned?.Invoke(new(UserId: userId, Epoch: epoch));
    }

    /// <summary>Refuses tokens with a smaller <c>client_epoch</c> of this application from now on.</summary>
    public void RaiseClientEpoch(string clientId, long epoch)
    {
        Raise(clients, clientId, epoch);
        Learned?.Invoke(new(ClientId: clientId, Epoch: epoch));
    }

    /// <summary>Refuses tokens that this key signed, now and forever: anyone who has the key can sign new ones at any time.</summary>
    public void Distrust(string keyId)
    {
        keys[keyId] = true;
        Learned?.Invoke(new(KeyId: keyId));
    }

    /// <summary>Records that every revocation up to a moment ago has arrived here.</summary>
    /// <param name="age">How long ago that moment was. A confirmation takes time, and later revocations may be missing.</param>
    public void Confirm(TimeSpan age = default)
    {
        var asOf = clock.GetTimestamp() - (long)(age.TotalSeconds * clock.TimestampFrequency);
        long known;
        do
        {
            known = Interlocked.Read(ref confirmedAt); // another replica may have confirmed a later moment
        }
        while ((!isCaughtUp || known < asOf) && Interlocked.CompareExchange(ref confirmedAt, asOf, known) != known);

        isCaughtUp = true;
        if (saidStale && !IsStale)
        {
            saidStale = false;
            LogFresh();
        }

        Forget();
    }

    /// <summary>Logs once that confirmations have stopped. Call it periodically.</summary>
    public void WarnIfStale()
    {
        if (IsStale && !saidStale)
        {
            saidStale = true;
            LogStale(options.StaleAfter, options.OnStale);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => meter.Dispose();

    private void Raise<T>(ConcurrentDictionary<T, (long Epoch, long HeardAt)> epochs, T subject, long epoch)
        where T : notnull
    {
        lock (writing)
        {
            var entry = (epochs.TryGetValue(subject, out var known) ? Math.Max(known.Epoch, epoch) : epoch, clock.GetTimestamp());
            epochs[subject] = entry;
            inOrder.Enqueue((entry.Item2, () => epochs.TryRemove(KeyValuePair.Create(subject, entry))));
        }
    }

    private void Forget()
    {
        lock (writing)
        {
            while (inOrder.TryPeek(out var oldest) && clock.GetElapsedTime(oldest.HeardAt) > AccessTokenLifetime.Remembered)
            {
                inOrder.Dequeue().Forget(); // does nothing if the entry arrived again since
            }
        }
    }

    private void ForgetUnknown(string kind, long heardAt)
    {
        if (unknownKinds.TryRemove(KeyValuePair.Create(kind, heardAt)) && unknownKinds.IsEmpty)
        {
            hasUnknownKinds = false;
            LogNoUnknownKind(AccessTokenLifetime.Remembered.TotalMinutes);
        }
    }

    [LoggerMessage(LogLevel.Error,
        "Revocations of the kind {Kind} reach this service, but this version does not know the kind. It accepts tokens that they revoke. "
        + "The service stays degraded until {Minutes} minutes after the last of them. Deploy the version that the identity service runs")]
    private partial void LogUnknownKind(string kind, double minutes);

    [LoggerMessage(LogLevel.Information, "No revocation of an unknown kind has arrived for {Minutes} minutes")]
    private partial void LogNoUnknownKind(double minutes);

    [LoggerMessage(
        LogLevel.Warning, "No confirmation of the revocation log for {StaleAfter}; tokens meanwhile: {OnStale}")]
    private partial void LogStale(TimeSpan staleAfter, OnStale onStale);

    [LoggerMessage(LogLevel.Information, "The revocation log is confirmed again")]
    private partial void LogFresh();
}
