using System.Collections.Concurrent;
using AuthMesh.Errors;
using AuthMesh.Identity.Sessions;
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

    private readonly BlockingCollection<Job> queue = [];
    private readonly Thread[] threads;
    private readonly int capacity;
    private int taken;

    public HashingLane(IOptions<IdentityOptions> options)
    {
        var hashing = options.Value.Hashing;
        threads = new Thread[hashing.Threads == 0 ? Environment.ProcessorCount : hashing.Threads];
        capacity = hashing.QueueLength + threads.Length;
        for (var i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(WorkThroughQueue) { IsBackground = true, Name = $"hashing {i}" };
            threads[i].Start();
        }
    }

    /// <summary>Takes a place, before anything is spent on whoever asks for one.</summary>
    /// <returns>The place, or null where none is left.</returns>
    public Task<HashingPlace?> EnterAsync(Applicant applicant, CancellationToken cancellationToken)
    {
        _ = applicant;
        if (Interlocked.Increment(ref taken) > capacity)
        {
            Leave();
            return Task.FromResult<HashingPlace?>(null);
        }

        return Task.FromResult<HashingPlace?>(new HashingPlace(this, cancellationToken));
    }

    internal void Leave() => Interlocked.Decrement(ref taken);

    internal void Add(Job job) => queue.Add(job, CancellationToken.None);

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

    internal sealed record Job(Action Run, Action Abandon, CancellationToken CancellationToken);
}

/// <summary>Who wants a password hashed, as far as the lane must know to be fair.</summary>
/// <param name="Network">Where the request began, as <see cref="CallerAddress.NetworkOf"/> says.</param>
/// <param name="Account">The name that was typed, without case, or the id of who is signed in.</param>
/// <param name="IsKnownDevice">Whether the request comes from a device or a session that has shown the account's password before.</param>
internal sealed record Applicant(string Network, string Account, bool IsKnownDevice);

/// <summary>A place in the lane, for one hash after another. Disposing it makes room for the next.</summary>
internal sealed class HashingPlace(HashingLane lane, CancellationToken cancellationToken) : IDisposable
{
    private bool isLeft;

    /// <summary>Runs <paramref name="work"/> in its turn.</summary>
    /// <returns>Its result, or null where the wait would be too long.</returns>
    /// <exception cref="OperationCanceledException">The caller left before the work began.</exception>
    public async Task<T?> RunAsync<T>(Func<T> work)
        where T : class
    {
        // Continuations must not run on the lane's threads: what follows a hash is somebody else's work.
        var completion = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        lane.Add(new HashingLane.Job(
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
            cancellationToken));
        return await completion.Task;
    }

    public void Dispose()
    {
        if (!isLeft)
        {
            isLeft = true;
            lane.Leave();
        }
    }
}
