using System.Globalization;
using System.Net.ServerSentEvents;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthMesh.Issuer;
using AuthMesh.Replicas;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Revocations;

/// <summary>
/// Follows the identity service's revocation feed over one long-lived answer (Server-Sent Events) from each replica. An event counts no
/// matter which replica sent it. So while one replica is gone or stuck, the others are enough.
/// </summary>
internal sealed partial class RevocationFeed(
    IssuerConnection issuer, RevokedAccess revoked, VerifierReport report, IssuerClocks clocks, TimeProvider clock,
    ILogger<RevocationFeed> logger) : BackgroundService
{
    /// <summary>The heartbeat event: it confirms that this verifier has every entry. It is not an entry of the log.</summary>
    public const string Beat = "beat";

    private const string BeatTime = "time", BeatAge = "age";

    // Two and a half beats. A replica that is stopped or has lost its database keeps the connection open but sends nothing.
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromMilliseconds(100); // short: until the first beat, no token is accepted

    /// <summary>
    /// Returns the data of a beat: the identity service's time, which verifiers compare with their own clocks, and how many milliseconds
    /// ago nothing was missing.
    /// </summary>
    public static string DescribeBeat(DateTimeOffset now, TimeSpan age) => string.Create(
        CultureInfo.InvariantCulture,
        $"{{\"{BeatTime}\":\"{now.UtcDateTime:yyyy-MM-ddTHH:mm:ss.fffZ}\",\"{BeatAge}\":{Math.Ceiling(age.TotalMilliseconds):0}}}");

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(ListenToAllAsync(stoppingToken), WatchAsync(stoppingToken));

    /// <summary>Listens to each replica that is known, and begins with each that appears.</summary>
    private async Task ListenToAllAsync(CancellationToken stoppingToken)
    {
        var listening = new Dictionary<Replica, Task>();
        while (true)
        {
            using var news = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken, issuer.ReplicasChanged);
            foreach (var replica in issuer.Replicas.Where(replica => !listening.ContainsKey(replica)))
            {
                listening[replica] = ListenAsync(replica, stoppingToken);
            }

            var ended = await Task.WhenAny([.. listening.Values, Task.Delay(Timeout.Infinite, news.Token)]);
            stoppingToken.ThrowIfCancellationRequested();
            foreach (var (replica, listener) in listening.Where(listener => listener.Value == ended).ToList())
            {
                await listener; // throws if it broke
                listening.Remove(replica);
            }
        }
    }

    /// <summary>
    /// Listens to one replica until its name no longer has its address. Even then, an open answer is read to its end: it holds the same
    /// log.
    /// </summary>
    private async Task ListenAsync(Replica replica, CancellationToken stoppingToken)
    {
        var origin = replica.Address;
        var path = $"/internal/revocations?instance={report.Instance}&name={Uri.EscapeDataString(report.Name)}";
        var lastEventId = "";
        var repeating = new Repeating(clock, Explain, reason => LogLost(origin, reason), () => LogConnected(origin));
        await repeating.RunAsync(ListenOnceAsync, stoppingToken);
        clocks.Forget(origin);

        async Task<TimeSpan?> ListenOnceAsync(CancellationToken cancellationToken)
        {
            if (!issuer.Replicas.Contains(replica))
            {
                return null;
            }

            using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            silence.CancelAfter(Silence);
            using var answer = await issuer.OpenAsync(replica, path, lastEventId, silence.Token);
            answer.EnsureSuccessStatusCode();
            await using var stream = await answer.Content.ReadAsStreamAsync(silence.Token);
            report.Due(); // this replica may have forgotten an earlier report
            await foreach (var item in SseParser.Create(stream).EnumerateAsync(silence.Token))
            {
                silence.CancelAfter(Silence);
                Take(origin, item);
                lastEventId = item.EventId ?? lastEventId;
                repeating.Succeeded();
            }

            return RetryInterval;
        }
    }

    private static Setback? Explain(Exception exception) => exception switch
    {
        OperationCanceledException => new Setback($"no event for {Silence.TotalSeconds:0} s", RetryInterval),
        HttpRequestException or IOException or JsonException => new Setback(exception.Message, RetryInterval),
        _ => null,
    };

    private void Take(Uri origin, SseItem<string> item)
    {
        if (item.EventType == Beat)
        {
            var (time, age) = ReadBeat(item.Data);
            revoked.Confirm(age);
            if (time is { } now)
            {
                clocks.Hear(origin, now);
            }

            return;
        }

        // Every other event is a log entry, even if only a newer version knows its kind.
        var (subject, epoch) = RevocationKind.Find(item.EventType)?.Read(item.Data) ?? ("", 0);
        revoked.Take(item.EventType, subject, epoch);
        if (item.EventType == RevocationKind.KeysChanged)
        {
            report.Due();
        }
    }

    // An older identity service sends beats without the age, or without both.
    private static (DateTimeOffset? Time, TimeSpan Age) ReadBeat(string data)
    {
        using var json = JsonDocument.Parse(data);
        var beat = json.RootElement;
        if (beat.ValueKind != JsonValueKind.Object)
        {
            return default;
        }

        return (
            beat.TryGetProperty(BeatTime, out var written) && written.ValueKind == JsonValueKind.String
                && written.TryGetDateTimeOffset(out var time) ? time : null,
            beat.TryGetProperty(BeatAge, out var passed) && passed.ValueKind == JsonValueKind.Number
                && passed.TryGetInt32(out var milliseconds) && milliseconds > 0 ? TimeSpan.FromMilliseconds(milliseconds) : default);
    }

    private async Task WatchAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await Task.Delay(TimeSpan.FromSeconds(1), clock, stoppingToken);
            revoked.WarnIfStale();
        }
    }

    [LoggerMessage(LogLevel.Information, "Receiving revocations from {Origin} again")]
    private partial void LogConnected(Uri origin);

    [LoggerMessage(LogLevel.Warning, "Not receiving revocations from {Origin}: {Reason}")]
    private partial void LogLost(Uri origin, string reason);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(HeldKeys))]
[JsonSerializable(typeof(ComparedKeys))]
internal sealed partial class FeedJson : JsonSerializerContext;
