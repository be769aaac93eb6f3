using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Keys;

/// <summary>
/// Rotates the signing key when it is due. Every replica runs this, and the first one rotates. The due time comes from the ring in memory,
/// so waiting for it costs no query.
/// </summary>
internal sealed partial class KeyRotation(
    KeyRing ring, Preparation preparation, IServiceScopeFactory scopes, IOptions<KeyOptions> options, TimeProvider clock,
    SecurityEvents events, KeyMetrics metrics, ILogger<KeyRotation> logger) : BackgroundService
{
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestSleep = TimeSpan.FromDays(1); // a timer takes 49 days at most

    // Longer than the 10 s for which VerifierRegister still counts a verifier that left.
    private static readonly TimeSpan Noticeable = TimeSpan.FromSeconds(12);

    private readonly HashSet<string> named = [];
    private readonly VerifierWait wait = new(clock, options.Value.AcknowledgementCeiling);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await preparation.Completed.WaitAsync(stoppingToken);
        await new Repeating(clock, Explain, LogPutOff).RunAsync(RotateWhenDueAsync, stoppingToken);
    }

    private static Setback? Explain(Exception exception) =>
        DatabaseUnavailable.FindCause(exception) is { } cause ? new Setback(cause.Message, RetryInterval) : null;

    private async Task<TimeSpan?> RotateWhenDueAsync(CancellationToken cancellationToken)
    {
        var changed = ring.Changed;
        var pause = DueAt() - ring.DatabaseTime;
        if (pause > TimeSpan.Zero)
        {
            await changed.WaitAsync(pause < LongestSleep ? pause : LongestSleep, clock, cancellationToken)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            return TimeSpan.Zero;
        }

        await using var scope = scopes.CreateAsyncScope();
        var rotate = scope.ServiceProvider.GetRequiredService<RotateSigningKeys>();
        Tell(await rotate.TryAsync(isDue: false, awaited: null, wait.Overdue, cancellationToken));
        return RetryInterval;
    }

    /// <summary>When the next action is due: the rotation of the current key, or the removal of a retired one.</summary>
    private DateTimeOffset DueAt()
    {
        var rotation = ring.SigningSince + options.Value.RotationInterval ?? DateTimeOffset.MinValue;
        return ring.OldestRetirement + AccessTokenLifetime.Remembered is { } removal && removal < rotation ? removal : rotation;
    }

    private void Tell(Rotation rotation)
    {
        switch (rotation)
        {
            case Rotation.Done { Silent.Count: 0 } done:
                events.Write(SecurityEvent.SigningKeyRotated(done.KeyId), context: null);
                LogRotated(done.KeyId, done.AnnouncedKeyId);
                break;
            case Rotation.Done done:
                events.Write(SecurityEvent.SigningKeyRotated(done.KeyId), context: null);
                LogRotatedRegardless(done.KeyId, done.AnnouncedKeyId, options.Value.AcknowledgementCeiling, string.Join("; ", done.Silent));
                break;
            case Rotation.Awaiting waiting:
                Await(waiting);
                return;
        }

        named.Clear();
        metrics.SetSilentVerifiers(0);
    }

    private void Await(Rotation.Awaiting waiting)
    {
        if (wait.Continue(waiting.KeyId))
        {
            named.Clear();
        }

        metrics.SetSilentVerifiers(wait.Elapsed >= Noticeable ? waiting.Verifiers.Count : 0);
        if (wait.Elapsed >= Noticeable
            && waiting.Verifiers.Where(named.Add).ToList() is { Count: > 0 } unnamed)
        {
            LogAwaiting(waiting.KeyId, string.Join("; ", unnamed), options.Value.AcknowledgementCeiling);
        }
    }

    [LoggerMessage(LogLevel.Information, "The signing key {KeyId} signs from now on; {AnnouncedKeyId} is announced as its successor")]
    private partial void LogRotated(string keyId, string announcedKeyId);

    [LoggerMessage(LogLevel.Warning,
        "The signing key {KeyId} signs from now on; {AnnouncedKeyId} is announced as its successor. For {Ceiling} these verifiers did not "
        + "acknowledge the key, so they may refuse its tokens: {Verifiers}")]
    private partial void LogRotatedRegardless(string keyId, string announcedKeyId, TimeSpan ceiling, string verifiers);

    [LoggerMessage(LogLevel.Warning,
        "The signing key {KeyId} waits for verifiers that have not acknowledged it: {Verifiers}. It waits for at most {Ceiling}")]
    private partial void LogAwaiting(string keyId, string verifiers, TimeSpan ceiling);

    [LoggerMessage(LogLevel.Warning, "Signing key rotation failed: {Reason}")]
    private partial void LogPutOff(string reason);
}
