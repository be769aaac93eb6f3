namespace AuthMesh.LocalMesh.Processes;

/// <summary>One log file per process and run; the previous run's is kept beside it as `.1`.</summary>
internal static class LogFile
{
    internal static void Rotate(string path)
    {
        if (File.Exists(path)) File.Move(path, path + ".1", overwrite: true);
    }

    internal static string Read(string path) => File.Exists(path) ? File.ReadAllText(path) : "";

    /// <summary>Formats the end of a log for people, with the path of the whole file.</summary>
    internal static string Tail(string path, int lines = 20)
    {
        var all = Read(path).TrimEnd().Split('\n');
        return $"The last lines of {path}:{Environment.NewLine}  {string.Join(Environment.NewLine + "  ", all.TakeLast(lines))}";
    }
}
