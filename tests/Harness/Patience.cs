namespace AuthMesh.Tests.Harness;

/// <summary>Waits for what must come about by itself, and shows what was seen last where it does not.</summary>
public static class Patience
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120); // far beyond what anything here takes
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>Asks again until the answer is yes.</summary>
    public static Task UntilAsync(Func<Task<bool>> condition) => UntilAsync(condition, isMet => isMet);

    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <summary>
    /// Looks again until it is as it should be. A connection that is refused or breaks is what a service that starts looks like.
    /// </summary>
    /// <returns>What was seen then.</returns>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> look, Func<T, bool> isAsItShouldBe)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        using var timer = new PeriodicTimer(Interval);
        while (true)
        {
            object? last;
            try
            {
                var seen = await look();
                if (isAsItShouldBe(seen))
                {
                    return seen;
                }

                last = seen;
            }
            catch (HttpRequestException exception)
            {
                last = exception.Message;
            }

            try
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"What was waited for did not come about in {Deadline.TotalSeconds:0} s. Seen last: {last}");
            }
        }
    }
}
