using System.Globalization;

namespace AuthMesh.Bench.Startup;

/// <summary>The resident memory of a process (VmRSS), including pages that it shares with others.</summary>
internal static class ResidentMemory
{
    public static double MegabytesOf(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").First(line => line.StartsWith("VmRSS", StringComparison.Ordinal));
        return double.Parse(line.Split(' ')[^2], CultureInfo.InvariantCulture) / 1024; // in kB
    }
}
