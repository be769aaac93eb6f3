using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.Issuer;
using AuthMesh.Keys;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Revocations;

/// <summary>
/// Tells the identity service which signing keys this process holds. A new key signs only when every verifier holds it, so nobody meets
/// a token that it cannot check.
/// </summary>
internal sealed partial class VerifierReport(
    IssuerConnection issuer, IssuerKeys keys, IHostEnvironment environment, ILogger<VerifierReport> logger) : BackgroundService
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250); // what another replica has not heard of yet, it hears soon
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    private readonly SemaphoreSlim due = new(0, 1);

    /// <summary>This process, from its start to its end.</summary>
    public Guid Instance { get; } = Guid.NewGuid();

    /// <summary>What an operator would look for.</summary>
    public string Name { get; } = $"{environment.ApplicationName} on {Environment.MachineName}, process {Environment.ProcessId}";

    /// <summary>The keys may have changed: fetch them and report them soon.</summary>
    public void Due()
    {
        try
        {
            due.Release();
        }
        catch (SemaphoreFullException)
        {
            // it is due already
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
            for (var pause = FirstPause; !await TryReportAsync(stoppingToken); pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks)))
            {
                await due.WaitAsync(pause, stoppingToken); // sooner where there is news
            }
        }
    }

    /// <returns>Whether the identity service knows that this process holds every key there is.</returns>
    private async Task<bool> TryReportAsync(CancellationToken cancellationToken)
    {
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
            // A replica that has not heard of the newest key may have answered the fetch.
            var missing = await answer.Content.ReadFromJsonAsync(FeedJson.Default.MissingKeys, cancellationToken);
            return missing is { Missing.Count: 0 };
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException)
        {
            LogFailed(exception.Message);
            return false;
        }
    }

    [LoggerMessage(LogLevel.Debug, "The keys held here could not be reported: {Reason}")]
    private partial void LogFailed(string reason);
}

internal sealed record HeldKeys(string Name, IReadOnlyList<string> KeyIds);

internal sealed record MissingKeys(IReadOnlyList<string> Missing);
