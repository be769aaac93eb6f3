using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>The key that seals the identity service's keys in the database. A copy of the database alone does not reveal them.</summary>
internal static class MasterKey
{
    internal static void Ensure(string file, bool hasCluster)
    {
        if (File.Exists(file)) return;
        if (hasCluster)
        {
            throw new MeshException($"""
                {file} is missing. Only this key opens the keys in the data folder's cluster; a new one would not.
                Restore the file from a copy, or start with an empty folder: --data DIR.
                """);
        }

        PrivateFile.Write(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
    }
}
