using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Comparison;

/// <summary>Describes a run: time, versions and machine.</summary>
internal static partial class Machine
{
    public static string Describe()
    {
        var processor = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "a processor";
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        return string.Create(CultureInfo.InvariantCulture, $"""
            {TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm} UTC, commit {Line("git", "rev-parse", "--short", "HEAD")},
            {Environment.ProcessorCount} cores of {processor}, {memory:0} GiB,
            {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription},
            {Line("nginx", "-v")}, {Line("haproxy", "-v")}, {Line("wrk", "-v")}, {Postgres()}.
            """);
    }

    // The name and version from a program's version output. wrk prints it with a non-zero exit code.
    private static string Line(string program, params string[] arguments) =>
        Copyright()
        .Replace(Command.Run([program, .. arguments], workingDirectory: AppContext.BaseDirectory).Output.Split('\n')[0], "").Trim();

    private static string Postgres() => LocalMesh.PostgresBinaries.Find() is [var newest, ..] ? $"PostgreSQL {newest.Major}"
        : "PostgreSQL in a container";

    [GeneratedRegex(@"( \[.*| - https.*|nginx version: )")]
    private static partial Regex Copyright();
}
