namespace AuthMesh.Client.Sessions;

/// <summary>Files that no other user can read at any moment.</summary>
internal static class OwnerOnlyFile
{
    private const UnixFileMode OwnerReadsAndWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Replaces the file so that a crash leaves the whole old file or the whole new one.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        // In the same folder: a rename is atomic within one file system only.
        var temporary = $"{path}.{Path.GetRandomFileName()}";
        try
        {
            using (var file = Open(temporary, FileMode.CreateNew))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Opens the file for one process at a time.</summary>
    public static FileStream Open(string path, FileMode mode)
    {
        PrepareFolder(Path.GetDirectoryName(path)!);

        // For reading and writing, because network file systems lock only files that are open for writing.
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) // there the user's profile is already closed to others
        {
            options.UnixCreateMode = OwnerReadsAndWrites;
        }

        var file = new FileStream(path, options);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file.SafeFileHandle, OwnerReadsAndWrites); // a umask may have taken a right from the owner
        }

        return file;
    }

    private static void PrepareFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        const UnixFileMode ownerOnly = OwnerReadsAndWrites | UnixFileMode.UserExecute;
        Directory.CreateDirectory(folder, ownerOnly);
        File.SetUnixFileMode(folder, ownerOnly); // also for a folder that existed already
    }
}
