using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using AuthMesh.LocalMesh;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// An identity service without users or tables, which does what the test says. The test publishes and withdraws keys, counts, delays and
/// refuses exchanges, and writes the feed. The service answers every other request with the request as it arrived.
/// </summary>
/// <param name="replica">Another one whose ring and reports this one shares, as replicas share a database.</param>
internal sealed class FakeIdentity(FakeIdentity? replica = null) : IAsyncDisposable
{
    private readonly List<Forge> ring = replica?.ring ?? [];
    private readonly ConcurrentDictionary<string, JsonObject> sessions = new();
    private readonly ConcurrentDictionary<string, int> exchanges = new();
    private readonly ConcurrentDictionary<Guid, Channel<string>> listeners = new();
    private readonly ConcurrentBag<string> serviceKeys = [];
    private WebApplication app = null!;
    private IReadOnlyList<Forge>? published; // while it lags behind the ring
    private int requests, timesAsked, timesListened;
    private (int Status, string Body)? instead, insteadOfKeys;
    private Func<string, Task>? beforeAnswering;
    private Func<string, Task>? afterMinting;

    public Uri Address { get; private set; } = null!;

    /// <summary>The newest key of the ring. It signs.</summary>
    public Forge Key
    {
        get
        {
            lock (ring)
            {
                return ring[^1];
            }
        }
    }

    /// <summary>How often the key set was fetched here.</summary>
    public int TimesAsked => Volatile.Read(ref timesAsked);

    /// <summary>How often a verifier began to listen here.</summary>
    public int TimesListened => Volatile.Read(ref timesListened);

    /// <summary>The ids of the keys that verifiers reported to hold, here or at a replica, in this order.</summary>
    public ConcurrentQueue<string[]> Reports { get; } = replica?.Reports ?? new();

    /// <summary>Whether the feed says nothing, not even a beat.</summary>
    public bool IsSilent { get; set; }

    /// <summary>The lifetime of the next tokens. Down to -30 s they are still accepted, within the clock skew.</summary>
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How far this clock is ahead of the test's other clocks.</summary>
    public TimeSpan ClockOffset { get; set; }

    /// <summary>How many requests have arrived, without the internal ones.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>The service keys of all exchanges.</summary>
    public IReadOnlyCollection<string> ServiceKeys => serviceKeys;

    public int TotalExchanges => exchanges.Values.Sum();

    /// <summary>The hosts that verifiers and probes asked for.</summary>
    public ConcurrentDictionary<string, bool> Hosts { get; } = new();

    public async Task StartAsync(int port = 0, IPAddress? address = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add(Loopback.Origin(port, address));
        app.Use((context, next) =>
        {
            Hosts[context.Request.Host.Value!] = true;
            return next(context);
        });
        app.Run(context => context.Request.Path.Value switch
        {
            "/.well-known/jwks.json" => PublishAsync(context),
            "/elsewhere" => context.Response.WriteAsync(KeySet()), // a redirect must not lead here
            "/internal/exchange" => ExchangeAsync(context, "cookie", "invalid_session"),
            "/internal/keys/exchange" => ExchangeAsync(context, "key", "invalid_key"),
            "/internal/revocations" => FeedAsync(context),
            var path when path!.StartsWith("/internal/verifiers/", StringComparison.Ordinal) => TakeReportAsync(context),
            "/health/live" or "/health/ready" => Task.CompletedTask,
            _ => EchoAsync(context),
        });
        await app.StartAsync();
        Address = new Uri(app.Urls.First());
    }

    /// <summary>Starts a new session of a new user.</summary>
    public (string Cookie, JsonObject Claims) SignIn()
    {
        var cookie = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
        return (cookie, sessions[cookie] = Forge.Claims());
    }

    /// <summary>Makes a key of a new user.</summary>
    public (string Key, JsonObject Claims) AddKey(string scope)
    {
        var key = KeyText.Create();
        var claims = Forge.Claims();
        claims["scope"] = scope;
        if (!scope.Split(' ').Contains("mesh"))
        {
            claims.Remove("role");
        }

        return (key, sessions[key] = claims);
    }

    /// <summary>Changes a claim of the next token for this cookie or key.</summary>
    public void Change(string cookie, string claim, JsonNode value)
    {
        var changed = sessions[cookie].DeepClone().AsObject();
        changed[claim] = value;
        sessions[cookie] = changed;
    }

    public void SignInAgain(string cookie, JsonObject claims) => sessions[cookie] = claims;

    public void SignOut(string cookie) => sessions.TryRemove(cookie, out _);

    public string Sign(JsonObject claims)
    {
        var fresh = claims.DeepClone().AsObject();
        fresh["jti"] = Guid.NewGuid().ToString("N");
        fresh["exp"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + (long)TokenLifetime.TotalSeconds;
        return Key.Sign(Key.Header(), fresh);
    }

    /// <summary>A new key joins the ring and signs from now on. The feed says so.</summary>
    public Forge Publish(string? keyId = null)
    {
        var key = new Forge(keyId ?? Guid.NewGuid().ToString("N"), ECDsa.Create(ECCurve.NamedCurves.nistP256));
        Publish(key);
        return key;
    }

    public void Publish(Forge key)
    {
        lock (ring)
        {
            ring.Add(key);
        }

        Tell("keys-changed");
    }

    /// <summary>A key leaves the ring. The feed says so.</summary>
    public void Withdraw(Forge key)
    {
        lock (ring)
        {
            ring.Remove(key);
        }

        Tell("keys-changed");
    }

    /// <summary>This one publishes the keys of this moment from now on, even when the ring changes.</summary>
    public void FallBehind()
    {
        lock (ring)
        {
            published = [.. ring];
        }
    }

    public void CatchUp() => published = null;

    /// <summary>Answers every request for the key set with this from now on.</summary>
    public void AnswerKeysInstead(int status, string body) => insteadOfKeys = (status, body);

    public int ExchangesOf(string cookie) => exchanges.GetValueOrDefault(cookie);

    /// <summary>Sets the answer to every exchange from now on.</summary>
    public void AnswerInstead(int status, string body) => instead = (status, body);

    public void AnswerAsUsual() => (instead, beforeAnswering, afterMinting, TokenLifetime) = (null, null, null, TimeSpan.FromMinutes(10));

    /// <summary>Runs when an exchange has arrived, before the lookup.</summary>
    public void BeforeAnswering(Func<string, Task> wait) => beforeAnswering = wait;

    /// <summary>Runs when the token is made, before it is sent.</summary>
    public void AfterMinting(Func<string, Task> wait) => afterMinting = wait;

    /// <summary>Writes an event to the feed of every verifier. Only their behavior shows whether it arrived.</summary>
    public void Tell(string eventType, object? data = null)
    {
        foreach (var listener in listeners.Values)
        {
            listener.Writer.TryWrite($"event: {eventType}\ndata: {JsonSerializer.Serialize(data ?? new { })}\n\n");
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero); // the feed would never end
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private Task EchoAsync(HttpContext context)
    {
        Interlocked.Increment(ref requests);
        return Echo.AnswerAsync(context);
    }

    private async Task ExchangeAsync(HttpContext context, string member, string refusal)
    {
        var asked = (await JsonDocument.ParseAsync(context.Request.Body)).RootElement;
        var cookie = asked.GetProperty(member).GetString()!;
        serviceKeys.Add(context.Request.Headers["AuthMesh-Service-Key"].ToString());
        exchanges.AddOrUpdate(cookie, 1, (_, count) => count + 1);
        await (beforeAnswering?.Invoke(cookie) ?? Task.CompletedTask);
        var token = sessions.TryGetValue(cookie, out var claims) ? Sign(For(claims, asked)) : null;
        await (afterMinting?.Invoke(cookie) ?? Task.CompletedTask);

        var (status, body) = instead ?? (token is null
            ? (401, $$"""{"status":"error","message":"The session has ended or expired","code":"{{refusal}}","traceId":"0"}""")
            : (200, $$"""{"token":"{{token}}","expires_in":600}"""));
        context.Response.StatusCode = status;
        await context.Response.WriteAsync(body);
    }

    private static JsonObject For(JsonObject claims, JsonElement asked)
    {
        var wanted = claims.DeepClone().AsObject();
        if (asked.TryGetProperty("audience", out var audience))
        {
            wanted["aud"] = audience.GetString();
        }

        return wanted;
    }

    private async Task FeedAsync(HttpContext context)
    {
        Interlocked.Increment(ref timesListened);
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync(context.RequestAborted);
        var (id, events) = (Guid.NewGuid(), Channel.CreateUnbounded<string>());
        listeners[id] = events;
        try
        {
            using var timer = new Timer(_ => events.Writer.TryWrite(Beat()), null, TimeSpan.Zero, TimeSpan.FromSeconds(0.5));
            await foreach (var text in events.Reader.ReadAllAsync(context.RequestAborted))
            {
                if (!IsSilent)
                {
                    await context.Response.WriteAsync(text, context.RequestAborted);
                    await context.Response.Body.FlushAsync(context.RequestAborted);
                }
            }
        }
        finally
        {
            listeners.TryRemove(id, out _);
        }
    }

    private string Beat()
    {
        var time = (TimeProvider.System.GetUtcNow() + ClockOffset).UtcDateTime;
        return $"event: beat\ndata: {JsonSerializer.Serialize(new { time })}\n\n";
    }

    private async Task TakeReportAsync(HttpContext context)
    {
        var report = (await JsonNode.ParseAsync(context.Request.Body))!;
        var held = report["key_ids"]!.AsArray().Select(id => id!.GetValue<string>()).ToArray();
        string[] stored;
        lock (ring)
        {
            stored = [.. ring.Select(key => key.KeyId)];
        }

        Reports.Enqueue(held);
        await context.Response.WriteAsync(JsonSerializer.Serialize(new { missing = stored.Except(held), gone = held.Except(stored) }));
    }

    private async Task PublishAsync(HttpContext context)
    {
        Interlocked.Increment(ref timesAsked);
        var (status, body) = insteadOfKeys ?? (200, KeySet());
        context.Response.StatusCode = status;
        context.Response.Headers.Location = "/elsewhere";
        await context.Response.WriteAsync(body);
    }

    private string KeySet()
    {
        lock (ring)
        {
            return JsonSerializer.Serialize(new { keys = (published ?? ring).Select(Jwk) });
        }
    }

    private static object Jwk(Forge key)
    {
        var point = key.Key.ExportParameters(includePrivateParameters: false).Q;
        return new
        {
            kty = "EC", crv = "P-256", use = "sig", alg = "ES256", kid = key.KeyId,
            x = Base64Url.EncodeToString(point.X), y = Base64Url.EncodeToString(point.Y),
        };
    }
}
