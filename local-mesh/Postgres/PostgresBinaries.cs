using System.Globalization;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>An installed PostgreSQL server: `postgres` and `initdb` of one version in one folder.</summary>
public sealed partial record PostgresBinaries(string Folder, int Major)
{
    /// <summary>The oldest version that the project is tested on.</summary>
    public const int OldestMajor = 15;

    internal string Postgres => Path.Combine(Folder, "postgres");

    internal string InitDb => Path.Combine(Folder, "initdb");

    /// <summary>Finds the installed versions, highest first; empty if none is installed or all are too old.</summary>
    public static IReadOnlyList<PostgresBinaries> Find() =>
    [
        .. Places().Select(Look).OfType<PostgresBinaries>().Where(found => found.Major >= OldestMajor)
            .Distinct().OrderByDescending(found => found.Major),
    ];

    private static IEnumerable<string> Places() =>
    [
        .. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries),
        .. Folders("/usr/lib/postgresql", "*"),           // Debian, Ubuntu
        .. Folders("/usr", "pgsql-*"),                    // PostgreSQL's own RPMs
        .. Folders("/opt/homebrew/opt", "postgresql@*"),  // Homebrew on Apple silicon
        .. Folders("/usr/local/opt", "postgresql@*"),     // Homebrew on Intel
    ];

    private static IEnumerable<string> Folders(string parent, string pattern) =>
        Directory.Exists(parent) ? Directory.EnumerateDirectories(parent, pattern).Select(version => Path.Combine(version, "bin")) : [];

    private static PostgresBinaries? Look(string folder)
    {
        var postgres = new FileInfo(Path.Combine(folder, "postgres"));
        if (!postgres.Exists || !File.Exists(Path.Combine(folder, "initdb"))) return null;

        var home = postgres.ResolveLinkTarget(returnFinalTarget: true)?.FullName ?? postgres.FullName;
        var version = Version().Match(Command.Run([postgres.FullName, "--version"]).Output);
        return version.Success
            ? new(Path.GetDirectoryName(home)!, int.Parse(version.Groups[1].Value, CultureInfo.InvariantCulture))
            : null;
    }

    [GeneratedRegex(@"^postgres \(PostgreSQL\) (\d+)")]
    private static partial Regex Version();
}
