using System.Diagnostics;
using System.Globalization;

namespace AuthMesh.LocalMesh.Processes;

/// <summary>
/// Identifies one process exactly: by the next start, its pid may belong to another process, but pid and start time together cannot.
/// </summary>
internal sealed record ProcessIdentity(string Name, int Pid, string Started, string Command)
{
    // Start times on Linux count from boot, so the identity includes the boot id.
    private static readonly Lazy<string> Boot = new(() => File.ReadAllText("/proc/sys/kernel/random/boot_id").Trim());

    internal bool IsAlive => StartOf(Pid) == Started;

    /// <summary>Returns null if the process has already ended.</summary>
    internal static ProcessIdentity? Of(string name, int pid, string command) =>
        StartOf(pid) is { } started ? new(name, pid, started, command) : null;

    /// <summary>Ends the process and waits until it is gone. If it does not react to the signal in time, it is killed.</summary>
    internal async Task EndAsync(int signal, TimeSpan patience)
    {
        var waited = Stopwatch.StartNew();
        if (IsAlive) Signal.Send(Pid, signal);
        while (IsAlive && waited.Elapsed < patience) await Task.Delay(20);
        if (IsAlive) Signal.Send(Pid, Signal.Kill);
        while (IsAlive && waited.Elapsed < patience + TimeSpan.FromSeconds(5)) await Task.Delay(20);
        if (IsAlive) throw new MeshException($"{Name} (pid {Pid}: {Command}) cannot be ended. End it by hand, then start again.");
    }

    private static string? StartOf(int pid)
    {
        try
        {
            if (!OperatingSystem.IsLinux())
            {
                using var process = Process.GetProcessById(pid);
                return process.StartTime.ToUniversalTime().Ticks.ToString(CultureInfo.InvariantCulture);
            }

            // proc(5): the name in parentheses may contain spaces; after it come the state (field 3) and the start in ticks (field 22).
            var fields = AfterName(File.ReadAllText($"/proc/{pid}/stat"));
            return fields[0] is "Z" or "X" ? null : $"{fields[19]}@{Boot.Value}"; // a zombie has ended; only its parent has not looked yet
        }
        catch (Exception e) when (HasEnded(e))
        {
            return null;
        }
    }

    /// <summary>Returns the children of a process from /proc, or none on systems without it.</summary>
    internal static IReadOnlyList<int> ChildrenOf(int parent)
    {
        if (!OperatingSystem.IsLinux()) return [];

        List<int> children = [];
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(folder), CultureInfo.InvariantCulture, out var pid)) continue;
            try
            {
                if (AfterName(File.ReadAllText($"{folder}/stat"))[1] == parent.ToString(CultureInfo.InvariantCulture)) children.Add(pid);
            }
            catch (Exception e) when (HasEnded(e))
            {
                // The process has ended, so it is not a child to kill.
            }
        }

        return children;
    }

    // Reading a process throws these if it ended before or during the read.
    private static bool HasEnded(Exception e) =>
        e is IOException or UnauthorizedAccessException or ArgumentException or InvalidOperationException;

    private static string[] AfterName(string stat) => stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
}
