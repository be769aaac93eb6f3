using System.Collections.Concurrent;
using AuthMesh.Errors;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// A few threads that do nothing but hash, behind a bounded queue. On the thread pool a flood of logins would hold every thread
/// for a quarter of a second, and with them the requests that need no hash.
/// </summary>
internal sealed class HashingLane : IDisposable
{
    public static readonly Failure Full = CommonFailures.Unavailable(
        "overloaded", "Too many passwords are being checked right now", TimeSpan.FromSeconds(2));

    private readonly BlockingCollection<Job> queue;
    private readonly Thread[] threads;

    public HashingLane(IOptions<IdentityOptions> options)
    {
        var hashing = options.Value.Hashing;
        queue = new BlockingCollection<Job>(hashing.QueueLength);
        threads = new Thread[hashing.Threads == 0 ? Environment.ProcessorCount : hashing.Threads];
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(WorkThroughQueue) { IsBackground = true, Name = $"hashing {i}" };
            threads[i].Start();
        }
    }

    /// <summary>Runs <paramref name="work"/> in its turn.</summary>
    /// <returns>Its result, or null at once where the queue is full.</returns>
    /// <exception cref="OperationCanceledException">The caller left before the work began.</exception>
    public async Task<T?> TryRunAsync<T>(Func<T> work, CancellationToken cancellationToken)
        where T : class
    {
        // Continuations must not run on the lane's threads: what follows a hash is somebody else's work.
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var job = new Job(
            () =>
            {
                try
                {
                    completion.SetResult(work());
                }
                catch (Exception exception)
                {
                    completion.SetException(exception);
                }
            },
            () => completion.TrySetCanceled(cancellationToken),
            cancellationToken);
        return queue.TryAdd(job) ? await completion.Task : null;
    }

    public void Dispose()
    {
        queue.CompleteAdding();
        foreach (var thread in threads)
        {
            thread.Join();
        }

        queue.Dispose();
    }

    private void WorkThroughQueue()
    {
        foreach (var job in queue.GetConsumingEnumerable())
        {
            if (job.CancellationToken.IsCancellationRequested)
            {
                job.Abandon(); // nobody waits for the answer any more
            }
            else
            {
                job.Run();
            }
        }
    }

    private sealed record Job(Action Run, Action Abandon, CancellationToken CancellationToken);
}
