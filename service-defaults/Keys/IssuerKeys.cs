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
/// The keys that the identity service publishes, fetched at its inner addresses and kept in memory. Once it holds keys, nothing
/// that happens to the identity service takes them away; a request waits for the network only when it names an unknown key.
/// </summary>
/// <remarks>
/// What is fetched is only ever added: the replica that answered may be one that has not heard of the newest key yet, and a key that was
/// reported as held must stay. Which keys are gone is for the database to say, in the answer to the report.
/// </remarks>
internal sealed partial class IssuerKeys(
    IssuerConnection issuer, RevokedAccess revoked, IOptions<AuthMeshOptions> options, TimeProvider clock, ILogger<IssuerKeys> logger)
    : BackgroundService, IVerificationKeys
{
    // Long enough that a storm of forged key ids costs the issuer nothing, short enough for a key that came as a surprise.
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryWithoutKeys = TimeSpan.FromMilliseconds(100); // nothing else keeps this service from being ready
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

    /// <summary>How often <see cref="HearOfChange"/> was called.</summary>
    public long ChangesHeard => Interlocked.Read(ref changesHeard);

    // Until the database has confirmed that nothing is missing here, or without news of it, an unknown key may be a new one.
    private bool MayLackKeys => revoked.IsStale || !revoked.IsAwaited || Interlocked.Read(ref changesTaken) < ChangesHeard;

    public ECDsaSecurityKey? Find(string keyId) => keys.GetValueOrDefault(keyId);

    public async ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (Find(keyId) is { } known)
        {
            return new KeyLookup(known);
        }

        var isReachable = await RefreshUnlessRecent().WaitAsync(cancellationToken);
        var mayLackKeys = MayLackKeys; // before the second look, which thereby sees all that a "no" is said of
        return new KeyLookup(Find(keyId), IsUnavailable: !isReachable || mayLackKeys);
    }

    /// <summary>The ring changed, or may have: until <see cref="Take"/> says otherwise, keys may be missing here.</summary>
    public void HearOfChange() => Interlocked.Increment(ref changesHeard);

    /// <summary>Fetches the keys as they are now: an answer that is under way may be from before they changed.</summary>
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

    /// <summary>What the issuer's database says of the keys that this process said it holds.</summary>
    /// <param name="changes">What <see cref="ChangesHeard"/> was before the database was asked.</param>
    /// <param name="missing">Keys of the ring that were not among them.</param>
    /// <param name="goneNow">Those among them that the ring does not hold any more.</param>
    public void Take(long changes, IReadOnlyList<string> missing, IReadOnlyList<string> goneNow)
    {
        lock (gate)
        {
            gone.UnionWith(goneNow); // a replica that lags still publishes them
            gone.ExceptWith(missing); // after a restore from an older copy they may be back
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

    /// <summary>Asks the issuer, once for all who wait at the same time.</summary>
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
            if (lastFault != exception.Message) // once for each reason, however long it lasts
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

    [LoggerMessage(LogLevel.Warning, "No keys from the identity service: {Reason} Still holding {Count}.")]
    private partial void LogKeysUnavailable(string reason, int count);
}
