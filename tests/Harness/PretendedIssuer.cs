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
/// A fake identity service that has only the key set, the reports of verifiers and a feed, all controlled by the test. Another one that
/// shares its ring is its replica.
/// </summary>
internal sealed class PretendedIssuer(PretendedIssuer? replica = null) : IAsyncDisposable
{
    private readonly List<Forge> ring = replica?.ring ?? []; // shared, as in the database
    private readonly ConcurrentDictionary<Guid, Channel<string>> listeners = new();
    private IReadOnlyList<Forge>? published; // set while it lags behind the ring
    private (int Status, string Body)? instead;
    private WebApplication app = null!;
    private int timesAsked, timesListened;

    public Uri Address { get; private set; } = null!;

    /// <summary>How often the key set was fetched here.</summary>
    public int TimesAsked => Volatile.Read(ref timesAsked);

    /// <summary>How often a verifier opened the feed here.</summary>
    public int TimesListened => Volatile.Read(ref timesListened);

    /// <summary>The ids of the keys that verifiers hold, as reported here or at a replica, in order of arrival.</summary>
    public ConcurrentQueue<string[]> Reports { get; } = replica?.Reports ?? new();

    /// <summary>Whether the feed sends nothing, not even beats.</summary>
    public bool IsSilent { get; set; }

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        app = builder.Build();
        app.Urls.Add(Loopback.Origin(0));
        app.Run(context =>
            context.Request.Path == "/internal/revocations" ? FeedAsync(context)
            : HttpMethods.IsPut(context.Request.Method) ? TakeReportAsync(context)
            : PublishAsync(context));
        await app.StartAsync();
        Address = new Uri(app.Urls.First());
    }

    /// <summary>Adds a key to the ring and announces it in the feed.</summary>
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

        Say("keys-changed");
    }

    /// <summary>Removes a key from the ring and announces it in the feed.</summary>
    public void Withdraw(Forge key)
    {
        lock (ring)
        {
            ring.Remove(key);
        }

        Say("keys-changed");
    }

    /// <summary>Makes this one publish the keys of this moment from now on, although the ring may change.</summary>
    public void FallBehind()
    {
        lock (ring)
        {
            published = [.. ring];
        }
    }

    public void CatchUp() => published = null;

    public void AnswerInstead(int status, string body) => instead = (status, body);

    public void Say(string kind)
    {
        foreach (var listener in listeners.Values)
        {
            listener.Writer.TryWrite(kind);
        }
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();

    private async Task FeedAsync(HttpContext context)
    {
        Interlocked.Increment(ref timesListened);
        context.Response.ContentType = "text/event-stream";
        await context.Response.Body.FlushAsync(context.RequestAborted);
        var (id, events) = (Guid.NewGuid(), Channel.CreateUnbounded<string>());
        listeners[id] = events;
        try
        {
            events.Writer.TryWrite("beat");
            using var timer = new Timer(_ => events.Writer.TryWrite("beat"), null, 500, 500);
            await foreach (var kind in events.Reader.ReadAllAsync(context.RequestAborted))
            {
                if (!IsSilent)
                {
                    await context.Response.WriteAsync($"event: {kind}\ndata: {{}}\n\n", context.RequestAborted);
                    await context.Response.Body.FlushAsync(context.RequestAborted);
                }
            }
        }
        finally
        {
            listeners.TryRemove(id, out _);
        }
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
        var (status, body) = instead ?? (200, KeySet());
        context.Response.StatusCode = status;
        context.Response.Headers.Location = "/elsewhere";
        await context.Response.WriteAsync(context.Request.Path == "/.well-known/jwks.json" ? body : KeySet());
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
