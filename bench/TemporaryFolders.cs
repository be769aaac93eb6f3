namespace AuthMesh.Bench;

/// <summary>Folders for what peers write while they are measured.</summary>
internal static class TemporaryFolders
{
    // nginx's workers, and PostgreSQL, are somebody else where root starts them.
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
