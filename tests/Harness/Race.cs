namespace AuthMesh.Tests.Harness;

/// <summary>
/// Two calls that start at nearly the same moment, round after round. The second one's head start grows while it loses and shrinks while it
/// wins, so that each wins some rounds on a machine of any speed, and mostly by little.
/// </summary>
public sealed class Race
{
    private const int StepInMilliseconds = 3, LongestInMilliseconds = 300;

    private int headStart; // of the second; below 0, of the first

    /// <param name="first">The one that always succeeds, such as a logout.</param>
    /// <param name="second">The one that succeeds if it is early enough.</param>
    /// <param name="hasWon">Whether this answer to the second says that it was.</param>
    public async Task<(TFirst First, TSecond Second)> RunAsync<TFirst, TSecond>(
        Func<Task<TFirst>> first, Func<Task<TSecond>> second, Func<TSecond, bool> hasWon)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var (one, other) = (AfterAsync(start.Task, headStart, first), AfterAsync(start.Task, -headStart, second));
        start.SetResult();
        await Task.WhenAll(one, other);
        var (answer, answerToSecond) = (await one, await other);
        headStart = Math.Clamp(
            headStart + (hasWon(answerToSecond) ? -StepInMilliseconds : StepInMilliseconds), -LongestInMilliseconds, LongestInMilliseconds);
        return (answer, answerToSecond);
    }

    private static async Task<T> AfterAsync<T>(Task start, int milliseconds, Func<Task<T>> call)
    {
        await start;
        if (milliseconds > 0)
        {
            await Task.Delay(milliseconds);
        }

        return await call();
    }
}
