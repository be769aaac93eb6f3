using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.Issuer;
using AuthMesh.Keys;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Revocations;

/// <summary>
/// Reports to the identity service which signing keys this process holds. The identity service signs with a new key only when every
/// verifier holds it, so no verifier gets a token that it cannot check.
/// </summary>
internal sealed partial class VerifierReport(
    IssuerConnection issuer, IssuerKeys keys, IHostEnvironment environment, ILogger<VerifierReport> logger) : BackgroundService
{
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(50); // by then the identity service has loaded the new key
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim due = new(0, 1);

    /// <summary>The id of this process, new at each start.</summary>
    public Guid Instance { get; } = Guid.NewGuid();

    /// <summary>The name by which an operator can find this process.</summary>
    public string Name { get; } = $"{environment.ApplicationName} on {Environment.MachineName}, process {Environment.ProcessId}";

    /// <summary>Schedules a fetch and a report, because the keys may have changed.</summary>
    public void Due()
    {
        keys.HearOfChange();
        try
        {
            due.Release();
        }
        catch (SemaphoreFullException)
        {
            // already due
        }
    }

    public override void Dispose()
    {
        due.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            await due.WaitAsync(stoppingToken);
            var pause = ShortestPause;
            while (!await TryReportAsync(stoppingToken))
            {
                var hasNews = await due.WaitAsync(pause, stoppingToken);
                pause = hasNews ? ShortestPause : TimeSpan.FromTicks(Math.Min(2 * pause.Ticks, LongestPause.Ticks));
            }
        }
    }

    /// <returns>Whether the identity service confirmed that this process holds every key of the ring.</returns>
    private async Task<bool> TryReportAsync(CancellationToken cancellationToken)
    {
        var changes = keys.ChangesHeard; // read first: the answer may not cover a later change
        if (!await keys.FetchAgainAsync(cancellationToken))
        {
            return false;
        }

        try
        {
            var held = new HeldKeys(Name, [.. keys.KeyIds]);
            using var answer = await issuer.SendAsync(
                () => new HttpRequestMessage(HttpMethod.Put, new Uri($"/internal/verifiers/{Instance}", UriKind.Relative))
                {
                    Content = JsonContent.Create(held, FeedJson.Default.HeldKeys),
                },
                cancellationToken);
            answer.EnsureSuccessStatusCode();
            var compared = await answer.Content.ReadFromJsonAsync(FeedJson.Default.ComparedKeys, cancellationToken);
            if (compared is not { Missing: { } missing, Gone: { } gone })
            {
                throw new JsonException("The answer does not say which keys are missing and which are gone.");
            }

            keys.Take(changes, missing, gone);
            if (missing.Count == 0)
            {
                return true;
            }

            issuer.TurnToNext(); // the replica that answered the fetch does not know the newest key yet, or cannot decrypt it
            return false;
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException)
        {
            LogFailed(exception.Message);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Debug, "Cannot report the held keys: {Reason}")]
    private partial void LogFailed(string reason);
}

internal sealed record HeldKeys(string Name, IReadOnlyList<string> KeyIds);

internal sealed record ComparedKeys(IReadOnlyList<string>? Missing, IReadOnlyList<string>? Gone);
