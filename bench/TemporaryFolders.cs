namespace AuthMesh.Bench;

/// <summary>Folders for the files of peers during a measurement.</summary>
internal static class TemporaryFolders
{
    // If root starts them, nginx's workers and PostgreSQL run as other users.
    private const UnixFileMode ForAllToRead =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    public static async Task<T> UseAsync<T>(Func<string, Task<T>> useAsync)
    {
        var folder = Directory.CreateTempSubdirectory("authmesh-bench-").FullName;
        File.SetUnixFileMode(folder, ForAllToRead);
        try
        {
            return await useAsync(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
