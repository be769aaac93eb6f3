using AuthMesh.Identity.Keys;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Operator;

/// <summary>The signing key gives way before its time, in the same way as when its time has come: nobody notices.</summary>
internal static class Rotate
{
    public const string CommandName = "rotate";

    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    public static async Task<string> RunAsync(IServiceProvider services, string[] values, CancellationToken cancellationToken)
    {
        var clock = services.GetRequiredService<TimeProvider>();
        var ceiling = services.GetRequiredService<IOptions<KeyOptions>>().Value.AcknowledgementCeiling;
        string? expected = null, said = null;
        long? waitsSince = null;
        while (true)
        {
            await using var scope = services.CreateAsyncScope();
            var isLongEnough = waitsSince is { } since && clock.GetElapsedTime(since) >= ceiling;
            var rotation = await scope.ServiceProvider.GetRequiredService<RotateSigningKeys>().TryAsync(
                isDue: true, expected, isLongEnough, cancellationToken);
            switch (rotation)
            {
                case Rotation.Done done:
                    return $"{done.KeyId} signs now; {done.AnnouncedKeyId} is announced as the next. Tokens from before stay good."
                        + DescribeSilent(done.Silent);
                case Rotation.DoneByAnother done:
                    return $"The identity service has rotated by itself meanwhile: {done.KeyId} signs now.";
                case Rotation.Announced announced:
                    expected = announced.KeyId;
                    Say($"{expected} was announced just now. Until {announced.Until:HH:mm:ss} UTC somebody may use a copy of the key set "
                        + "without it: waiting.");
                    break;
                case Rotation.Awaiting waiting:
                    expected = waiting.KeyId;
                    waitsSince ??= clock.GetTimestamp();
                    Say($"Waiting, {ceiling:c} at most, for verifiers that do not say that they hold {expected}: "
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
        silent.Count == 0 ? "" : $" These verifiers did not say that they hold it, and may refuse its tokens: {string.Join("; ", silent)}";
}
