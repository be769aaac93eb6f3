namespace AuthMesh.Client.Sessions;

/// <summary>Files that nobody else can read at any moment.</summary>
internal static class OwnerOnlyFile
{
    private const UnixFileMode OwnerReadsAndWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes it so that a crash leaves the old file or the new one, whole.</summary>
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

    /// <summary>Opens it for one process at a time.</summary>
    public static FileStream Open(string path, FileMode mode)
    {
        PrepareFolder(Path.GetDirectoryName(path)!);

        // For both, since network file systems lock against others only what is open for writing.
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) // there the user's profile is closed to others already
        {
            options.UnixCreateMode = OwnerReadsAndWrites;
        }

        var file = new FileStream(path, options);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(file.SafeFileHandle, OwnerReadsAndWrites); // an umask may have taken a right from its owner
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
        File.SetUnixFileMode(folder, ownerOnly); // also one that stood there already
    }
}
