using AuthMesh.LocalMesh.Postgres;

namespace AuthMesh.LocalMesh;

/// <summary>A data folder for one run.</summary>
internal static class TemporaryFolder
{
    /// <summary>Others may pass through it, not list it: PostgreSQL run by root's other user has to reach its own folder in there.</summary>
    internal static string Create()
    {
        var folder = Directory.CreateTempSubdirectory("authmesh-").FullName;
        File.SetUnixFileMode(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        return folder;
    }

    internal static void Delete(string folder)
    {
        // The cluster may be a link to a place that its user can reach.
        if (new DirectoryInfo(Path.Combine(folder, ClusterFolder.Name)).LinkTarget is { } elsewhere) Directory.Delete(elsewhere, recursive: true);
        Directory.Delete(folder, recursive: true);
    }
}
