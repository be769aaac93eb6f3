using System.Collections.Frozen;
using AuthMesh.Issuer;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Keys;

/// <summary>
/// The keys that the identity service publishes, fetched from its inner addresses and kept in memory. Once this service holds keys, an
/// outage of the identity service does not remove them. A request waits for the network only if it names an unknown key.
/// </summary>
/// <remarks>
/// A fetch only adds keys: the replica that answered may not know the newest key yet, and a key that was reported as held must stay. The
/// database decides which keys are gone, in its answer to the report.
/// </remarks>
internal sealed partial class IssuerKeys(
    IssuerConnection issuer, RevokedAccess revoked, IOptions<AuthMeshOptions> options, TimeProvider clock, ILogger<IssuerKeys> logger)
    : BackgroundService, IVerificationKeys
{
    // Long enough that a flood of forged key ids costs the issuer nothing. Short enough to find an unexpected new key soon.
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryWithoutKeys = TimeSpan.FromMilliseconds(100); // short: only the keys keep it from being ready
    private static readonly TimeSpan RetryWithKeys = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private readonly HashSet<string> gone = [];
    private volatile FrozenDictionary<string, ECDsaSecurityKey> keys = FrozenDictionary<string, ECDsaSecurityKey>.Empty;
    private Task<bool>? refresh;
    private long lastRefreshAt;
    private long changesHeard, changesTaken;
    private string? lastFault;

    public bool IsReady => keys.Count > 0;

    public IEnumerable<string> KeyIds => keys.Keys;

    /// <summary>The number of calls of <see cref="HearOfChange"/>.</summary>
    public long ChangesHeard => Interlocked.Read(ref changesHeard);

    // An unknown key may be a new one until the database has confirmed that none is missing here, and while its confirmations stay away.
    private bool MayLackKeys => revoked.IsStale || !revoked.IsAwaited || Interlocked.Read(ref changesTaken) < ChangesHeard;

    public ECDsaSecurityKey? Find(string keyId) => keys.GetValueOrDefault(keyId);

    public async ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (Find(keyId) is { } known)
        {
            return new KeyLookup(known);
        }

        var isReachable = await RefreshUnlessRecent().WaitAsync(cancellationToken);
        var mayLackKeys = MayLackKeys; // read before the second lookup, which then sees every key that a "no" covers
        return new KeyLookup(Find(keyId), IsUnavailable: !isReachable || mayLackKeys);
    }

    /// <summary>
    /// Records that the ring changed, or may have changed. Until <see cref="Take"/> says otherwise, keys may be missing here.
    /// </summary>
    public void HearOfChange() => Interlocked.Increment(ref changesHeard);

    /// <summary>
    /// Fetches the current keys. It waits for a fetch in flight and repeats it, since that answer may be from before the change.
    /// </summary>
    /// <returns>Whether the issuer answered.</returns>
    public async Task<bool> FetchAgainAsync(CancellationToken cancellationToken)
    {
        Task<bool>? underWay;
        lock (gate)
        {
            underWay = refresh;
        }

        if (underWay is { IsCompleted: false })
        {
            await underWay.WaitAsync(cancellationToken);
        }

        return await Refresh().WaitAsync(cancellationToken);
    }

    /// <summary>Applies the answer of the issuer's database to the report of the held keys.</summary>
    /// <param name="changes">The value of <see cref="ChangesHeard"/> before the database was asked.</param>
    /// <param name="missing">Keys of the ring that were missing in the report.</param>
    /// <param name="goneNow">Reported keys that the ring no longer holds.</param>
    public void Take(long changes, IReadOnlyList<string> missing, IReadOnlyList<string> goneNow)
    {
        lock (gate)
        {
            gone.UnionWith(goneNow); // a lagging replica still publishes them
            gone.ExceptWith(missing); // a restore from an older backup may bring them back
            if (goneNow.Count > 0)
            {
                keys = keys.Where(key => !gone.Contains(key.Key)).ToFrozenDictionary();
                LogKeysChanged(string.Join(' ', keys.Keys));
            }
        }

        if (missing.Count == 0)
        {
            Interlocked.Exchange(ref changesTaken, changes);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = await Refresh().WaitAsync(stoppingToken) ? options.Value.KeyRefreshInterval : IsReady ? RetryWithKeys
                : RetryWithoutKeys;
            await Task.Delay(pause, clock, stoppingToken);
        }
    }

    private Task<bool> RefreshUnlessRecent()
    {
        lock (gate)
        {
            return refresh is not null && clock.GetElapsedTime(lastRefreshAt) < UnknownKeyPause ? refresh : Refresh();
        }
    }

    /// <summary>Asks the issuer. Concurrent callers share one request.</summary>
    private Task<bool> Refresh()
    {
        lock (gate)
        {
            if (refresh is null or { IsCompleted: true })
            {
                lastRefreshAt = clock.GetTimestamp();
                refresh = FetchAsync();
            }

            return refresh;
        }
    }

    private async Task<bool> FetchAsync()
    {
        try
        {
            using var answer = await issuer.SendAsync(
                static () => new HttpRequestMessage(HttpMethod.Get, new Uri("/.well-known/jwks.json", UriKind.Relative)),
                CancellationToken.None);
            answer.EnsureSuccessStatusCode();
            var fetched = JsonWebKeySet.Read(await answer.Content.ReadAsByteArrayAsync(), keys);
            if (fetched.Count == 0)
            {
                throw new InvalidDataException("The key set holds no ES256 key.");
            }

            Add(fetched);
            lastFault = null;
            return true;
        }
        catch (Exception exception) when (exception is HttpRequestException or InvalidDataException)
        {
            if (lastFault != exception.Message) // once per reason, however long it lasts
            {
                lastFault = exception.Message;
                LogKeysUnavailable(exception.Message, keys.Count);
            }

            return false;
        }
    }

    private void Add(FrozenDictionary<string, ECDsaSecurityKey> fetched)
    {
        lock (gate)
        {
            var held = keys;
            var all = new Dictionary<string, ECDsaSecurityKey>(held);
            foreach (var (id, key) in fetched)
            {
                if (!gone.Contains(id))
                {
                    all[id] = key;
                }
            }

            keys = all.ToFrozenDictionary();
            if (all.Count > held.Count)
            {
                LogKeysChanged(string.Join(' ', all.Keys));
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "The issuer's keys are now {KeyIds}")]
    private partial void LogKeysChanged(string keyIds);

    [LoggerMessage(LogLevel.Warning, "Cannot fetch keys from the identity service: {Reason} Still holding {Count}.")]
    private partial void LogKeysUnavailable(string reason, int count);
}
