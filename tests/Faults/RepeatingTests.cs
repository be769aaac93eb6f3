using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

public sealed class RepeatingTests
{
    private readonly WatchedTime clock = new();
    private readonly List<string> log = [];

    [Fact]
    public async Task A_reason_is_logged_once_until_it_changes_or_the_work_succeeds()
    {
        using var stopping = new CancellationTokenSource();
        var attempts = new Queue<string>(["away", "away", "slow", "away", "", "", "away", ""]);
        var repeating = new Repeating(
            clock, exception => new Setback(exception.Message, TimeSpan.FromSeconds(1)), log.Add, () => log.Add("back"));

        var loop = repeating.RunAsync(
            _ => !attempts.TryDequeue(out var fault) ? Task.FromResult<TimeSpan?>(null)
                : fault.Length > 0 ? throw new IOException(fault)
                : Task.FromResult<TimeSpan?>(TimeSpan.FromSeconds(1)),
            stopping.Token);
        for (var wait = 1; wait <= 8; wait++)
        {
            await clock.UntilWatchedAsync(wait);
            clock.Advance(TimeSpan.FromSeconds(1));
        }

        await loop.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["away", "slow", "away", "back", "away", "back"], log);
    }

    [Fact]
    public async Task Long_running_work_can_report_its_own_success()
    {
        using var stopping = new CancellationTokenSource();
        var attempts = 0;
        var repeating = new Repeating(clock, _ => new Setback("away", TimeSpan.Zero), log.Add, () => log.Add("back"));

        await repeating.RunAsync(
            _ =>
            {
                if (++attempts == 4)
                {
                    return Task.FromResult<TimeSpan?>(null);
                }

                if (attempts == 3)
                {
                    repeating.Succeeded();
                    repeating.Succeeded();
                }

                throw new IOException();
            },
            stopping.Token);

        Assert.Equal(["away", "back", "away"], log);
    }

    [Fact]
    public async Task The_loop_waits_as_long_as_the_work_or_the_setback_says()
    {
        using var stopping = new CancellationTokenSource();
        var attempts = 0;
        var loop = new Repeating(clock, _ => new Setback("away", TimeSpan.FromSeconds(2))).RunAsync(
            _ => ++attempts == 2 ? throw new IOException() : Task.FromResult<TimeSpan?>(TimeSpan.FromHours(1)), stopping.Token);

        await clock.UntilWatchedAsync(1);
        clock.Advance(TimeSpan.FromMinutes(59));
        Assert.Equal(1, attempts);
        clock.Advance(TimeSpan.FromMinutes(1));
        await clock.UntilWatchedAsync(2);
        Assert.Equal(2, attempts);
        clock.Advance(TimeSpan.FromSeconds(2));
        await clock.UntilWatchedAsync(3);
        Assert.Equal(3, attempts);

        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => loop);
    }

    [Fact]
    public async Task A_stopping_service_ends_the_loop_and_logs_nothing()
    {
        using var stopping = new CancellationTokenSource();
        var repeating = new Repeating(clock, _ => new Setback("away", TimeSpan.Zero), log.Add);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => repeating.RunAsync(
            async cancellationToken =>
            {
                await stopping.CancelAsync();
                throw new IOException("the connection broke, since the service stops");
            },
            stopping.Token));

        Assert.Empty(log);
    }

    [Fact]
    public async Task An_exception_without_a_setback_ends_the_loop()
    {
        var repeating = new Repeating(clock, exception => exception is IOException ? new Setback("away", TimeSpan.Zero) : null, log.Add);

        await Assert.ThrowsAsync<FormatException>(
            () => repeating.RunAsync(_ => throw new FormatException(), TestContext.Current.CancellationToken));

        Assert.Empty(log);
    }
}
