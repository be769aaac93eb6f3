using System.Collections.Frozen;
using AuthMesh.Settings;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Keys;

/// <summary>
/// The keys that the identity service publishes, fetched at its inner address and kept in memory. Once it holds keys, nothing
/// that happens to the identity service takes them away; a request waits for the network only when it names an unknown key.
/// </summary>
internal sealed partial class IssuerKeys(IOptions<AuthMeshOptions> options, TimeProvider clock, ILogger<IssuerKeys> logger)
    : BackgroundService, IVerificationKeys
{
    // Long enough that a storm of forged key ids costs the issuer nothing, short enough for a key that came as a surprise.
    private static readonly TimeSpan UnknownKeyPause = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryWithoutKeys = TimeSpan.FromMilliseconds(250); // nothing else keeps this service from being ready
    private static readonly TimeSpan RetryWithKeys = TimeSpan.FromSeconds(5);

    private readonly HttpClient http = new(new SocketsHttpHandler
    {
        AllowAutoRedirect = false, // keys come from the configured address and from nowhere else,
        UseProxy = false, // whatever the environment says about the way to the internet
        ConnectTimeout = TimeSpan.FromSeconds(2),
        PooledConnectionLifetime = TimeSpan.FromMinutes(1), // a replica that moved is found again
    })
    {
        Timeout = TimeSpan.FromSeconds(3),
        MaxResponseContentBufferSize = 64 * 1024,
    };

    private readonly Uri address = new(new Uri(options.Value.IdentityUrl), "/.well-known/jwks.json");
    private readonly Lock gate = new();
    private volatile FrozenDictionary<string, ECDsaSecurityKey> keys = FrozenDictionary<string, ECDsaSecurityKey>.Empty;
    private Task<bool>? refresh;
    private long lastRefreshAt;
    private string? lastFault;

    public bool IsReady => keys.Count > 0;

    public ECDsaSecurityKey? Find(string keyId) => keys.GetValueOrDefault(keyId);

    public async ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        if (Find(keyId) is { } known)
        {
            return new KeyLookup(known);
        }

        var isReachable = await RefreshUnlessRecent().WaitAsync(cancellationToken);
        return new KeyLookup(Find(keyId), IsUnavailable: !isReachable);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            var pause = await Refresh().WaitAsync(stoppingToken) ? options.Value.KeyRefreshInterval : IsReady ? RetryWithKeys : RetryWithoutKeys;
            await Task.Delay(pause, clock, stoppingToken);
        }
    }

    public override void Dispose()
    {
        http.Dispose();
        base.Dispose();
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
            var body = await http.GetByteArrayAsync(address);
            var fetched = JsonWebKeySet.Read(body, keys);
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
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or InvalidDataException)
        {
            if (lastFault != exception.Message) // once for each reason, however long it lasts
            {
                lastFault = exception.Message;
                LogKeysUnavailable(address, exception.Message, keys.Count);
            }

            return false;
        }
    }

    [LoggerMessage(LogLevel.Information, "The issuer's keys are now {KeyIds}")]
    private partial void LogKeysChanged(string keyIds);

    [LoggerMessage(LogLevel.Warning, "No keys from {Address}: {Reason} Still holding {Count}.")]
    private partial void LogKeysUnavailable(Uri address, string reason, int count);
}
