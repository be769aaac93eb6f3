using System.Globalization;
using System.Reflection;

namespace AuthMesh.Settings;

/// <summary>
/// Checks the operating system's limits before anything else is loaded. With limits that are too low, the runtime would end in a stack
/// trace that names an assembly, or say only "Out of memory".
/// </summary>
public static class HostLimits
{
    // A service has 230 files open when it starts (measured: two for each assembly), and one or two more for each connection.
    private const long FewestFiles = 1024;

    // An idle service has 26 threads (measured), and more under load and on more cores.
    private const long FewestThreads = 64;

    /// <summary>Writes to standard error which limits of this process are too low.</summary>
    /// <returns>The exit code, or null if the service may start.</returns>
    public static int? Refuse()
    {
        if (!OperatingSystem.IsLinux())
        {
            return null; // macOS and Windows set no such limits by default, and list them in no file
        }

        List<string> problems =
            [.. FindProblems(ReadLines("/proc/self/limits"), ReadLines("/sys/fs/cgroup/pids.max"), Environment.IsPrivilegedProcess)];
        return problems.Count == 0 ? null : StartRefusal.Refuse(Assembly.GetEntryAssembly()?.GetName().Name ?? "The service", problems);
    }

    /// <param name="limits">/proc/self/limits.</param>
    /// <param name="pidsMax">The control group's pids.max.</param>
    /// <param name="isRoot">Whether the process runs as root, which the limit of processes does not bind.</param>
    internal static IEnumerable<string> FindProblems(string[] limits, string[] pidsMax, bool isRoot)
    {
        if (Find(limits, "Max open files") is { } files && files < FewestFiles)
        {
            yield return $"The system lets it open {files} files, and it needs {FewestFiles}. Raise the limit: ulimit -n 65536, "
                + "LimitNOFILE=65536 in a systemd unit, or ulimits: { nofile: 65536 } in a compose file.";
        }

        if (!isRoot && Find(limits, "Max processes") is { } processes && processes < FewestThreads)
        {
            yield return $"The system lets its user run {processes} threads, and the service alone needs {FewestThreads}. Raise the limit: "
                + "ulimit -u 4096, LimitNPROC=4096 in a systemd unit, or ulimits: { nproc: 4096 } in a compose file.";
        }

        if (pidsMax is [var text, ..] && long.TryParse(text, CultureInfo.InvariantCulture, out var pids) && pids < FewestThreads)
        {
            yield return $"Its control group may hold {pids} threads, and it needs {FewestThreads}. Raise the limit: docker run "
                + $"--pids-limit 512, "
                + "pids_limit: 512 in a compose file, or TasksMax=512 in a systemd unit.";
        }
    }

    // "Max open files            1024                 524288               files": the runtime has raised the first, the soft limit, to the
    // second.
    private static long? Find(string[] limits, string name) =>
        Array.Find(limits, line => line.StartsWith(name, StringComparison.Ordinal)) is { } found
        && long.TryParse(
            found[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries) is [var soft, ..] ? soft : "",
            CultureInfo.InvariantCulture, out var limit)
            ? limit
            : null; // "unlimited"

    private static string[] ReadLines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return []; // the kernel lacks this file, or the container may not read it
        }
    }
}
