using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using AuthMesh.LocalMesh;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// A fake identity service that a test controls: it has sessions but no users and no tables. A test can count, delay and refuse
/// exchanges, and send events to the verifiers' feed. It answers every other request with the request as it arrived.
/// </summary>
internal sealed class FakeIdentity : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, JsonObject> sessions = new();
    private readonly ConcurrentDictionary<string, int> exchanges = new();
    private readonly ConcurrentBag<Channel<string>> listeners = [];
    private readonly ConcurrentBag<string> serviceKeys = [];
    private readonly ConcurrentQueue<Forge> keys = new([NewKey()]);
    private WebApplication app = null!;
    private int requests;
    private (int Status, string Body)? instead;
    private Func<string, Task>? beforeAnswering;
    private Func<string, Task>? afterMinting;

    public Uri Address { get; private set; } = null!;

    /// <summary>The key that signs.</summary>
    public Forge Key => keys.Last();

    /// <summary>The lifetime of the next tokens. Down to -30 s they are still accepted, within the clock skew.</summary>
    public TimeSpan TokenLifetime { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How far this clock is ahead of the test's other clocks.</summary>
    public TimeSpan ClockOffset { get; set; }

    /// <summary>How many requests have arrived, without the internal ones.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>The service keys of all exchanges.</summary>
    public IReadOnlyCollection<string> ServiceKeys => serviceKeys;

    public int TotalExchanges => exchanges.Values.Sum();

    public async Task StartAsync(int port = 0)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add(Loopback.Origin(port));
        app.Run(context => context.Request.Path.Value switch
        {
            "/.well-known/jwks.json" => context.Response.WriteAsync(KeySet()),
            "/internal/exchange" => ExchangeAsync(context),
            "/internal/revocations" => FeedAsync(context),
            var path when path!.StartsWith("/internal/verifiers/", StringComparison.Ordinal) =>
            context.Response.WriteAsync("""{"missing":[],"gone":[]}"""),
            "/health/live" => Task.CompletedTask,
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

    /// <summary>Changes a claim of the next token for this cookie.</summary>
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

    /// <summary>Makes another key sign from now on. The old one stays published.</summary>
    public void Rotate()
    {
        keys.Enqueue(NewKey());
        Tell("keys-changed", new { });
    }

    public int ExchangesOf(string cookie) => exchanges.GetValueOrDefault(cookie);

    /// <summary>Sets the answer to every exchange from now on.</summary>
    public void AnswerInstead(int status, string body) => instead = (status, body);

    public void AnswerAsUsual() => (instead, beforeAnswering, afterMinting, TokenLifetime) = (null, null, null, TimeSpan.FromMinutes(10));

    /// <summary>Runs when an exchange has arrived, before the lookup.</summary>
    public void BeforeAnswering(Func<string, Task> wait) => beforeAnswering = wait;

    /// <summary>Runs when the token is made, before it is sent.</summary>
    public void AfterMinting(Func<string, Task> wait) => afterMinting = wait;

    /// <summary>Sends an event to every verifier. Only a verifier's behaviour shows that it arrived.</summary>
    public void Tell(string eventType, object data)
    {
        foreach (var listener in listeners)
        {
            listener.Writer.TryWrite($"event: {eventType}\ndata: {JsonSerializer.Serialize(data)}\n\n");
        }
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero); // the feed would never end
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private static Forge NewKey() => new(Guid.NewGuid().ToString("N"), ECDsa.Create(ECCurve.NamedCurves.nistP256));

    private Task EchoAsync(HttpContext context)
    {
        Interlocked.Increment(ref requests);
        return Echo.AnswerAsync(context);
    }

    private async Task ExchangeAsync(HttpContext context)
    {
        var cookie = (await JsonDocument.ParseAsync(context.Request.Body)).RootElement.GetProperty("cookie").GetString()!;
        serviceKeys.Add(context.Request.Headers["AuthMesh-Service-Key"].ToString());
        exchanges.AddOrUpdate(cookie, 1, (_, count) => count + 1);
        await (beforeAnswering?.Invoke(cookie) ?? Task.CompletedTask);
        var token = sessions.TryGetValue(cookie, out var claims) ? Sign(claims) : null;
        await (afterMinting?.Invoke(cookie) ?? Task.CompletedTask);

        var (status, body) = instead ?? (token is null
            ? (401, """{"status":"error","message":"The session has ended or expired","code":"invalid_session","traceId":"0"}""")
            : (200, $$"""{"token":"{{token}}","expires_in":600}"""));
        context.Response.StatusCode = status;
        await context.Response.WriteAsync(body);
    }

    private async Task FeedAsync(HttpContext context)
    {
        var news = Channel.CreateUnbounded<string>();
        listeners.Add(news);
        context.Response.ContentType = "text/event-stream";
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1));
        var beat = Task.FromResult(true);
        while (true)
        {
            if (beat.IsCompleted)
            {
                beat = timer.WaitForNextTickAsync(context.RequestAborted).AsTask();
                await context.Response.WriteAsync($"event: beat\ndata: {Beat()}\n\n", context.RequestAborted);
            }

            while (news.Reader.TryRead(out var text))
            {
                await context.Response.WriteAsync(text, context.RequestAborted);
            }

            await context.Response.Body.FlushAsync(context.RequestAborted);
            await Task.WhenAny(beat, news.Reader.WaitToReadAsync(context.RequestAborted).AsTask());
        }
    }

    private string Beat() => JsonSerializer.Serialize(new { time = (TimeProvider.System.GetUtcNow() + ClockOffset).UtcDateTime });

    private string KeySet() => JsonSerializer.Serialize(new { keys = keys.Select(Jwk) });

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
