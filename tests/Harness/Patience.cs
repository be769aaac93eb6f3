namespace AuthMesh.Tests.Harness;

/// <summary>Polls until a condition holds, and shows the last value if it does not.</summary>
public static class Patience
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(120); // far longer than anything here takes
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>Polls until the condition is true.</summary>
    public static Task UntilAsync(Func<Task<bool>> condition) => UntilAsync(condition, isMet => isMet);

    public static Task UntilAsync(Func<bool> condition) => UntilAsync(() => Task.FromResult(condition()));

    /// <summary>
    /// Polls until the value is as it should be. A refused or broken connection is what a starting service looks like.
    /// </summary>
    /// <returns>The value that met the condition.</returns>
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
