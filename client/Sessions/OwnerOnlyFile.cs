namespace AuthMesh.Client.Sessions;

/// <summary>Replaces a file so that nobody else can read it at any moment and a crash leaves the old or the new one, whole.</summary>
internal static class OwnerOnlyFile
{
    private const UnixFileMode OwnerReadsAndWrites = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        PrepareFolder(Path.GetDirectoryName(path)!);

        // In the same folder: a rename is atomic within one file system only.
        var temporary = $"{path}.{Path.GetRandomFileName()}";
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
        if (!OperatingSystem.IsWindows()) // there the user's profile is closed to others already
        {
            options.UnixCreateMode = OwnerReadsAndWrites;
        }

        try
        {
            using (var file = new FileStream(temporary, options))
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
