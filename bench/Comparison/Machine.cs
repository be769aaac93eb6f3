using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Comparison;

/// <summary>Describes a run: time, versions and machine.</summary>
internal static partial class Machine
{
    /// <param name="peers">The programs that the run compared with, and their option for the version.</param>
    public static string Describe(params IEnumerable<(string Program, string Option)> peers)
    {
        var processor = File.ReadLines("/proc/cpuinfo")
            .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "a processor";
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30);
        return string.Create(CultureInfo.InvariantCulture, $"""
            {TimeProvider.System.GetUtcNow():yyyy-MM-dd HH:mm} UTC, commit {Line("git", "rev-parse", "--short", "HEAD")},
            {Environment.ProcessorCount} cores of {processor}, {memory:0} GiB,
            {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription},
            {string.Concat(peers.Select(peer => Line(peer.Program, peer.Option) + ", "))}{Postgres()}.
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
