namespace AuthMesh.Tests.Harness;

public static class Patience
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60); // far beyond what anything here takes
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(50);

    /// <summary>Asks again until the answer is yes.</summary>
    public static async Task UntilAsync(Func<Task<bool>> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        using var timer = new PeriodicTimer(Interval);
        while (!await condition())
        {
            try
            {
                await timer.WaitForNextTickAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"What was waited for did not come about in {Deadline.TotalSeconds:0} s.");
            }
        }
    }
}
