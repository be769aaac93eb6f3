using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// The threads that hash. On Linux they run at the lowest priority, so they use only processor time that no other thread wants. One more
/// thread at normal priority does everything besides hashing, for two reasons. A lowest-priority thread that holds a lock would keep others
/// waiting. One that wakes the thread pool may create a pool thread, which inherits its priority for good.
/// </summary>
internal sealed partial class HashingThreads : IDisposable
{
    private const int OwnThread = 0, Lowest = 19;

    private readonly BlockingCollection<HashingPlace> begun = [], hashed = [];
    private readonly Thread[] hashing;
    private readonly Thread finishing;
    private readonly ILogger logger;
    private int saidNormal;

    public HashingThreads(int count, Action<HashingPlace> finish, ILogger logger)
    {
        this.logger = logger;
        finishing = Start("hashed", () =>
        {
            foreach (var place in hashed.GetConsumingEnumerable())
            {
                finish(place);
            }
        });
        hashing = [.. Enumerable.Range(0, count).Select(i => Start($"hashing {i}", Hash))];
    }

    public void Add(HashingPlace place) => begun.Add(place, CancellationToken.None);

    public void Dispose()
    {
        begun.CompleteAdding();
        Array.ForEach(hashing, thread => thread.Join());
        hashed.CompleteAdding();
        finishing.Join();
        begun.Dispose();
        hashed.Dispose();
    }

    private static Thread Start(string name, ThreadStart run)
    {
        var thread = new Thread(run) { IsBackground = true, Name = name };
        thread.Start();
        return thread;
    }

    private void Hash()
    {
        // On Linux, priorities belong to threads, contrary to POSIX (setpriority(2)). Elsewhere the call would change the whole process.
        if (!(OperatingSystem.IsLinux() && SetPriority(which: 0, OwnThread, Lowest) == 0) && Interlocked.Exchange(ref saidNormal, 1) == 0)
        {
            LogNormalPriority(logger);
        }

        foreach (var place in begun.GetConsumingEnumerable())
        {
            place.Hash();
            hashed.Add(place, CancellationToken.None);
        }
    }

    [DllImport("libc", EntryPoint = "setpriority")]
    private static extern int SetPriority(int which, int who, int priority);

    [LoggerMessage(
        LogLevel.Warning, "Cannot lower the priority of the hashing threads on this system. Many logins at once may slow other requests")]
    private static partial void LogNormalPriority(ILogger logger);
}
