using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>
/// The folder of one cluster: its files in `data`, beside them its password and log. PostgreSQL refuses to run as root, so under root the
/// folder belongs to another user. If that user cannot reach the folder, a link replaces it and points to a reachable place.
/// </summary>
internal sealed record ClusterFolder(string Path, string? RunAs)
{
    /// <summary>The cluster folder's name in a data folder.</summary>
    internal const string Name = "postgres";

    private const string ReachableByEverybody = "/var/lib/authmesh-local";

    internal string Data => System.IO.Path.Combine(Path, "data");

    internal string PasswordFile => System.IO.Path.Combine(Path, "password");

    internal string LogFile => System.IO.Path.Combine(Path, "postgres.log");

    internal bool HasCluster => Directory.Exists(Data);

    internal static bool HasClusterIn(string dataFolder) => Directory.Exists(System.IO.Path.Combine(dataFolder, Name, "data"));

    internal static ClusterFolder OpenIn(string dataFolder)
    {
        var folder = System.IO.Path.Combine(dataFolder, Name);
        if (new DirectoryInfo(folder).LinkTarget is { } elsewhere) folder = System.IO.Path.Combine(dataFolder, elsewhere);
        var data = System.IO.Path.Combine(folder, "data");
        if (Directory.Exists(data) && OwnerOf(data) is var owner && owner != Environment.UserName)
        {
            return Environment.IsPrivilegedProcess
                ? new(folder, owner)
                : throw new MeshException($"The cluster in {data} belongs to the user {owner}. " +
                    "Start as that user or as root, or choose another folder with --data.");
        }

        if (!Environment.IsPrivilegedProcess)
        {
            Directory.CreateDirectory(folder);
            return new(folder, RunAs: null);
        }

        var user = Command.Run(["id", "-u", "postgres"]).Succeeded ? "postgres" : "nobody";
        return new(GiveTo(user, folder), user);
    }

    /// <summary>Gives a file to the user that PostgreSQL runs as.</summary>
    internal void HandOver(string file)
    {
        if (RunAs is not null) Chown(RunAs, file);
    }

    private static string GiveTo(string user, string folder)
    {
        Directory.CreateDirectory(folder);
        Chown(user, folder);
        if (Command.Run(["test", "-w", folder], user).Succeeded) return folder;

        // Random, not derived from the folder's path: a data folder that was removed and created again must not find its old cluster.
        var reachable = System.IO.Path.Combine(ReachableByEverybody, Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6)));
        Directory.CreateDirectory(reachable);
        Chown(user, reachable);
        if (!Command.Run(["test", "-w", reachable], user).Succeeded)
        {
            throw new MeshException($"PostgreSQL does not run as root, and the user {user} can reach neither {folder} nor {reachable}. " +
                "Choose a folder that it can reach with --data.");
        }

        Directory.Delete(folder); // empty, because it has no cluster yet
        Directory.CreateSymbolicLink(folder, reachable);
        return reachable;
    }

    private static void Chown(string user, string path)
    {
        if (Command.Run(["chown", user, path]) is { Succeeded: false } failed) throw new MeshException(failed.Output);
    }

    // .NET does not expose the owner. `ls -ld` prints the same everywhere: mode, links, owner.
    private static string OwnerOf(string path) =>
        Command.Run(["ls", "-ld", path]).Output.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
}
