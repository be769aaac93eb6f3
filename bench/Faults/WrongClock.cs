using System.Globalization;
using AuthMesh.LocalMesh;

namespace AuthMesh.Bench.Faults;

/// <summary>Moves the clock of running services by libfaketime, which reads the shift from a file once a second.</summary>
internal sealed class WrongClock
{
    private readonly string file;

    public WrongClock(string folder)
    {
        file = Path.Combine(folder, "clock");
        MoveBy(TimeSpan.Zero);
        var near = new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 2 };
        var library = Directory.EnumerateFiles("/usr/lib", "libfaketimeMT.so.1", near).FirstOrDefault();
        Settings = new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = library ?? throw new MeshException("libfaketime is missing (Debian, Ubuntu: apt-get install faketime)"),
            ["FAKETIME_TIMESTAMP_FILE"] = file,
            ["FAKETIME_CACHE_DURATION"] = "1",
            ["FAKETIME_DONT_FAKE_MONOTONIC"] = "1", // a wrong clock does not stretch the seconds
        };
    }

    /// <summary>Environment variables of the services with this clock.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; }

    public void MoveBy(TimeSpan shift)
    {
        var next = file + ".next";
        File.WriteAllText(next, shift.TotalSeconds.ToString("+0;-0;+0", CultureInfo.InvariantCulture));
        File.Move(next, file, overwrite: true);
    }
}
