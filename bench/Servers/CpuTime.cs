using System.Globalization;

namespace AuthMesh.Bench.Servers;

/// <summary>The processor time of a process and all its descendants, in seconds.</summary>
internal static class CpuTime
{
    private const double TicksPerSecond = 100; // USER_HZ, on every architecture that .NET runs on

    public static double Of(int process) =>
        Own(process) + LocalMesh.Processes.ProcessIdentity.ChildrenOf(process).Sum(Of);

    /// <summary>The same while descendants end; 0 without a process.</summary>
    public static double OfChanging(int? process)
    {
        while (process is { } id)
        {
            try
            {
                return Of(id);
            }
            catch (IOException) when (Directory.Exists($"/proc/{id}"))
            {
                // A child ended just now. The next read finds its time at its parent.
            }
        }

        return 0;
    }

    // proc(5): utime and stime, and those of ended children. The name before them may contain spaces and parentheses.
    private static double Own(int process)
    {
        var stat = File.ReadAllText($"/proc/{process}/stat");
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[11..15].Sum(ticks => double.Parse(ticks, CultureInfo.InvariantCulture)) / TicksPerSecond;
    }
}
