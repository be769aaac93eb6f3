using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using AuthMesh.Settings;
using AuthMesh.Tokens;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Revocations;

/// <summary>
/// What this process knows to be revoked: sessions that ended, users below an epoch, keys that are not trusted any more. It only ever
/// learns; sessions and users are kept until no token that they could concern can still be alive, keys for good.
/// </summary>
public sealed partial class RevokedAccess : IDisposable
{
    // The issuer waits for a verifier that it has seen in the last 10 s, and saw it up to 3 s before the confirmation that came last.
    private static readonly TimeSpan Awaited = TimeSpan.FromSeconds(6);

    private readonly ConcurrentDictionary<Guid, long> sessions = new();
    private readonly ConcurrentDictionary<Guid, (long Epoch, long HeardAt)> users = new();
    private readonly ConcurrentDictionary<string, bool> keys = new(); // as a set
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
    private volatile bool hasUnknownKinds; // asked for every request; the dictionary would take its locks to tell

    /// <summary>Made once for each process.</summary>
    public RevokedAccess(TimeProvider clock, IOptions<AuthMeshOptions> mesh, IMeterFactory meters, ILogger<RevokedAccess> logger)
    {
        this.clock = clock;
        this.logger = logger;
        options = mesh.Value.Revocations;
        meter = meters.Create("AuthMesh.Revocations");
        meter.CreateObservableGauge(
            "authmesh.revocations.staleness", () => Staleness.TotalSeconds, "s",
            "Time since it was confirmed that every revocation is known here.");
        meter.CreateObservableGauge(
            "authmesh.revocations.unknown_kinds", () => unknownKinds.Count, "{kind}",
            "Kinds of revocations that reached this service and that its version does not know.");
        meter.CreateObservableGauge(
            "authmesh.revocations.held", () => sessions.Count + users.Count + keys.Count, "{revocation}", "Revocations held.");
    }

    /// <summary>Whether everything that was revoked before this process started is known. Until then no token can be judged.</summary>
    public bool IsCaughtUp => isCaughtUp;

    /// <summary>How long ago it was confirmed last that nothing is missing here.</summary>
    public TimeSpan Staleness => isCaughtUp ? clock.GetElapsedTime(Interlocked.Read(ref confirmedAt)) : TimeSpan.Zero;

    /// <summary>Whether that is longer ago than <see cref="RevocationOptions.StaleAfter"/>.</summary>
    public bool IsStale => isCaughtUp && Staleness > options.StaleAfter;

    /// <summary>
    /// Whether the issuer still waits for this process before it signs with a new key. Without news for longer, a key that is unknown here
    /// need not be a forged one.
    /// </summary>
    public bool IsAwaited => isCaughtUp && Staleness < Awaited;

    /// <summary>
    /// Kinds of entries that this version does not know, heard within <see cref="AccessTokenLifetime.Remembered"/>. What they revoked is
    /// accepted here: this process is degraded until the last of them is that old, when no token that it revoked is alive. A restart does
    /// not help, a newer version does.
    /// </summary>
    public IReadOnlyCollection<string> UnknownKinds => [.. unknownKinds.Keys];

    /// <summary>
    /// Whether tokens can be judged: not before catching up, and with <see cref="OnStale.Reject"/>, not while a revocation may be missing
    /// here.
    /// </summary>
    public bool CanJudge => isCaughtUp && (options.OnStale == OnStale.Accept || (!IsStale && !hasUnknownKinds));

    /// <summary>Whether a token is revoked.</summary>
    /// <param name="sessionId">Its <c>sid</c>.</param>
    /// <param name="userId">Its <c>sub</c>.</param>
    /// <param name="epoch">Its <c>epoch</c>.</param>
    /// <param name="keyId">Its <c>kid</c>.</param>
    public bool Covers(Guid sessionId, Guid userId, long epoch, string keyId) =>
        sessions.ContainsKey(sessionId)
        || (users.TryGetValue(userId, out var user) && epoch < user.Epoch)
        || keys.ContainsKey(keyId);

    /// <summary>Learns one entry of the log.</summary>
    /// <param name="kind">The name of a <see cref="RevocationKind"/>, or of one that only a newer version knows.</param>
    /// <param name="subject">The id of the session, user or key.</param>
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

    /// <summary>Notes that something was revoked, and that this version cannot tell which tokens.</summary>
    internal void TakeUnknown(string kind)
    {
        lock (writing)
        {
            var now = clock.GetTimestamp();
            if (!unknownKinds.ContainsKey(kind))
            {
                LogUnknownKind(kind, AccessTokenLifetime.Remembered.TotalMinutes); // once, however many entries follow
            }

            unknownKinds[kind] = now;
            hasUnknownKinds = true;
            inOrder.Enqueue((now, () => ForgetUnknown(kind, now)));
        }
    }

    /// <summary>Tokens of this session are refused from now on.</summary>
    public void EndSession(Guid sessionId)
    {
        lock (writing)
        {
            var now = clock.GetTimestamp();
            sessions[sessionId] = now;
            inOrder.Enqueue((now, () => sessions.TryRemove(KeyValuePair.Create(sessionId, now))));
        }
    }

    /// <summary>Tokens of this user with a smaller epoch are refused from now on.</summary>
    public void RaiseEpoch(Guid userId, long epoch)
    {
        lock (writing)
        {
            var entry = (users.TryGetValue(userId, out var known) ? Math.Max(known.Epoch, epoch) : epoch, clock.GetTimestamp());
            users[userId] = entry;
            inOrder.Enqueue((entry.Item2, () => users.TryRemove(KeyValuePair.Create(userId, entry))));
        }
    }

    /// <summary>Tokens that this key signed are refused from now on, for good: whoever has the key can sign new ones at any time.</summary>
    public void Distrust(string keyId) => keys[keyId] = true;

    /// <summary>Everything that was revoked until a moment ago has arrived here.</summary>
    public void Confirm()
    {
        Interlocked.Exchange(ref confirmedAt, clock.GetTimestamp());
        isCaughtUp = true;
        if (saidStale)
        {
            saidStale = false;
            LogFresh();
        }

        Forget();
    }

    /// <summary>Says once that the news stay away; to be called now and then while they do.</summary>
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

    private void Forget()
    {
        lock (writing)
        {
            while (inOrder.TryPeek(out var oldest) && clock.GetElapsedTime(oldest.HeardAt) > AccessTokenLifetime.Remembered)
            {
                inOrder.Dequeue().Forget(); // nothing where it was heard again since
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
        "Revocations of the kind {Kind} reach this service, and this version does not know the kind. It accepts tokens that they revoke. "
        + "The service is degraded until {Minutes} minutes after the last of them. Deploy the version that the identity service has")]
    private partial void LogUnknownKind(string kind, double minutes);

    [LoggerMessage(LogLevel.Information, "For {Minutes} minutes, no revocation was of a kind that this version does not know")]
    private partial void LogNoUnknownKind(double minutes);

    [LoggerMessage(
        LogLevel.Warning, "No confirmation for {StaleAfter} that every ended session is known here; tokens meanwhile: {OnStale}")]
    private partial void LogStale(TimeSpan staleAfter, OnStale onStale);

    [LoggerMessage(LogLevel.Information, "Every ended session is known here again")]
    private partial void LogFresh();
}
