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
internal sealed partial class IssuerKeys(
    IssuerConnection issuer, RevokedAccess revoked, IOptions<AuthMeshOptions> options, TimeProvider clock, ILogger<IssuerKeys> logger)
    : BackgroundService, IVerificationKeys
{
    // Long enough that a storm of forged key ids costs the issuer nothing, short enough for a key that came as a surprise.
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryWithoutKeys = TimeSpan.FromMilliseconds(250); // nothing else keeps this service from being ready
    private static readonly TimeSpan RetryWithKeys = TimeSpan.FromSeconds(5);

    private readonly Lock gate = new();
    private volatile FrozenDictionary<string, ECDsaSecurityKey> keys = FrozenDictionary<string, ECDsaSecurityKey>.Empty;
    private Task<bool>? refresh;
    private long lastRefreshAt;
    private string? lastFault;

    public bool IsReady => keys.Count > 0;

    public IEnumerable<string> KeyIds => keys.Keys;

    public ECDsaSecurityKey? Find(string keyId) => keys.GetValueOrDefault(keyId);

    public async ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (Find(keyId) is { } known)
        {
            return new KeyLookup(known);
        }

        var isReachable = await RefreshUnlessRecent().WaitAsync(cancellationToken);
        // Without news from the issuer, a key that is unknown here may be a new one.
        return new KeyLookup(Find(keyId), IsUnavailable: !isReachable || !revoked.IsCaughtUp || revoked.IsStale);
    }

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

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = await Refresh().WaitAsync(stoppingToken) ? options.Value.KeyRefreshInterval : IsReady ? RetryWithKeys : RetryWithoutKeys;
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
                static () => new HttpRequestMessage(HttpMethod.Get, new Uri("/.well-known/jwks.json", UriKind.Relative)), CancellationToken.None);
            answer.EnsureSuccessStatusCode();
            var fetched = JsonWebKeySet.Read(await answer.Content.ReadAsByteArrayAsync(), keys);
            if (fetched.Count == 0)
            {
                throw new InvalidDataException("The key set holds no ES256 key.");
            }

            if (!fetched.Keys.ToHashSet().SetEquals(keys.Keys))
            {
                LogKeysChanged(string.Join(' ', fetched.Keys));
            }

            keys = fetched;
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

    [LoggerMessage(LogLevel.Information, "The issuer's keys are now {KeyIds}")]
    private partial void LogKeysChanged(string keyIds);

    [LoggerMessage(LogLevel.Warning, "No keys from the identity service: {Reason} Still holding {Count}.")]
    private partial void LogKeysUnavailable(string reason, int count);
}
