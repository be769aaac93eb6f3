using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>The key that seals the identity service's keys in the database. A copy of that alone opens nothing.</summary>
internal static class MasterKey
{
    internal static void Ensure(string file, bool hasCluster)
    {
        if (File.Exists(file)) return;
        if (hasCluster)
        {
            throw new MeshException($"""
                {file} is gone. Only it opens the keys in this data folder's cluster; a new one would not.
                Put the file back from a copy, or start with an empty folder: --data DIR.
                """);
        }

        PrivateFile.Write(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
    }
}
