namespace AuthMesh.Tests.Harness;

/// <summary>Starts many calls at one moment: none begins before all are ready.</summary>
public static class Together
{
    public static Task<T[]> RunAsync<T>(int count, Func<int, Task<T>> work) =>
        RunAsync(Enumerable.Range(0, count).Select<int, Func<Task<T>>>(i => () => work(i)));

    public static Task<T[]> RunAsync<T>(params Func<Task<T>>[] works) => RunAsync(works.AsEnumerable());

    private static async Task<T[]> RunAsync<T>(IEnumerable<Func<Task<T>>> works)
    {
        var start = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var running = works.Select(async work =>
        {
            await start.Task;
            return await work();
        }).ToList();
        start.SetResult();
        return await Task.WhenAll(running);
    }
}
