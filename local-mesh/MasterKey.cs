using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>The key that seals the identity service's keys in the database: beside the cluster, so that a copy of it alone opens nothing.</summary>
internal static class MasterKey
{
    internal static void Ensure(string file, bool hasCluster)
    {
        if (File.Exists(file)) return;
        if (hasCluster)
        {
            throw new MeshException($"""
                {file} is gone, and the keys in this data folder's cluster cannot be opened without it; a new one would not open them either.
                Put the file back from a copy, or start with an empty folder: --data DIR.
                """);
        }

        PrivateFile.Write(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
    }
}
