using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Faults;

/// <summary>A disk of 256 MB in memory, which can be filled. Only root may mount it.</summary>
internal sealed class SmallDisk
{
    private readonly string filler;

    private SmallDisk(string folder) => (Folder, filler) = (folder, Path.Combine(folder, "filler"));

    public string Folder { get; }

    /// <exception cref="MeshException">This process may not mount it.</exception>
    public static async Task<SmallDisk> MountAsync(string parent)
    {
        var folder = Path.Combine(parent, "disk");
        Directory.CreateDirectory(folder);
        var mounted = await Command.RunAsync(["mount", "-t", "tmpfs", "-o", "size=256m,mode=0711", "tmpfs", folder]);
        return mounted.Succeeded ? new SmallDisk(folder)
            : throw new MeshException($"A disk that can be filled needs root: {mounted.Output}");
    }

    /// <summary>Leaves no byte free.</summary>
    public void Fill()
    {
        using var file = new FileStream(filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        foreach (var size in (int[])[1024 * 1024, 4096])
        {
            try
            {
                while (true)
                {
                    file.Write(new byte[size]);
                }
            }
            catch (IOException)
            {
                // full; the smaller pieces fill what is left
            }
        }
    }

    public void Free() => File.Delete(filler);

    public Task UnmountAsync() => Command.RunAsync(["umount", Folder]);
}
