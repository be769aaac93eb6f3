
namespace AuthMesh.LocalMesh;

/// <summary>A data folder for one run.</summary>
internal static class TemporaryFolder
{
    // Other users may traverse the folder but not list it: if root runs PostgreSQL as another user, that user has its own folder inside.
    private const UnixFileMode Passable =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    internal static string Create()
    {
        var folder = Directory.CreateTempSubdirectory("authmesh-").FullName;
        File.SetUnixFileMode(folder, Passable);
        return folder;
    }

    internal static void Delete(string folder)
    {
        // The cluster folder may be a link to a place that its user can reach.
        var cluster = new DirectoryInfo(Path.Combine(folder, ClusterFolder.Name));
        if (cluster.LinkTarget is { } elsewhere) Directory.Delete(elsewhere, recursive: true);
        Directory.Delete(folder, recursive: true);
    }
}
