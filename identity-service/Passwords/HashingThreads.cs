using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace AuthMesh.Identity.Passwords;

/// <summary>
/// The threads that hash, on Linux at the lowest priority that there is: they have all processor time that nobody else wants. Whatever is
/// done besides hashing is done by one more thread, at the usual priority. A thread at the lowest one that held a lock would keep others
/// waiting for it, and one that wakes the thread pool may create a thread there, which inherits its priority for good.
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
        // On Linux a priority belongs to a thread, whatever POSIX says (setpriority(2)); elsewhere this would be the whole process.
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
        LogLevel.Warning, "This system does not let passwords be hashed at a lower priority. Many logins at once may slow other requests")]
    private static partial void LogNormalPriority(ILogger logger);
}
