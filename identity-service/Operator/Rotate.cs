using System.CommandLine;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Operator;

/// <summary>Rotates the signing key ahead of schedule, with the same steps as a scheduled rotation. Existing tokens stay valid.</summary>
internal static class Rotate
{
    private static readonly Option<bool> Emergency = new("--emergency")
    {
        Description = "For a leaked key: distrust every signing key at once, without waiting for verifiers",
    };

    public static OperatorCommand Define() => new("rotate", "Replaces the signing key; existing tokens stay valid", RunAsync)
    {
        Options = { Emergency },
        TakesItsTime = true,
    };

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    private static Task<string> RunAsync(IServiceProvider services, ParseResult parsed, CancellationToken cancellationToken) =>
        parsed.GetValue(Emergency) ? RotateEmergency.RunAsync(services, cancellationToken) : RotateAsync(services, cancellationToken);

    private static async Task<string> RotateAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        var clock = services.GetRequiredService<TimeProvider>();
        var ceiling = services.GetRequiredService<IOptions<KeyOptions>>().Value.AcknowledgementCeiling;
        string? expected = null, said = null;
        var wait = new VerifierWait(clock, ceiling);
        while (true)
        {
            await using var scope = services.CreateAsyncScope();
            var rotation = await scope.ServiceProvider.GetRequiredService<RotateSigningKeys>().TryAsync(
                isDue: true, expected, wait.Overdue, cancellationToken);
            switch (rotation)
            {
                case Rotation.Done done:
                    services.GetRequiredService<SecurityEvents>().Write(SecurityEvent.SigningKeyRotated(done.KeyId), context: null);
                    return $"{done.KeyId} signs now; {done.AnnouncedKeyId} is announced as its successor. Existing tokens stay valid."
                        + DescribeSilent(done.Silent);
                case Rotation.DoneByAnother done:
                    return $"The identity service has rotated by itself meanwhile: {done.KeyId} signs now.";
                case Rotation.Announced announced:
                    expected = announced.KeyId;
                    Say($"{expected} was announced just now. Waiting until {announced.Until:HH:mm:ss} UTC, when the last cached key set "
                        + "without it expires.");
                    break;
                case Rotation.Awaiting waiting:
                    expected = waiting.KeyId;
                    wait.Continue(expected);
                    Say($"Waiting for at most {ceiling:c} for verifiers that have not acknowledged {expected}: "
                        + $"{string.Join("; ", waiting.Verifiers)}");
                    break;
                default:
                    throw new InvalidOperationException("The announced key does not open with this master key.");
            }

            await Task.Delay(Interval, clock, cancellationToken);
        }

        void Say(string text)
        {
            if (said != text)
            {
                said = text;
                Console.WriteLine(text);
            }
        }
    }

    private static string DescribeSilent(IReadOnlyList<string> silent) =>
        silent.Count == 0 ? "" : $" These verifiers did not acknowledge it, so they may refuse its tokens: {string.Join("; ", silent)}";
}
