using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>
/// The secret by which the services of the mesh recognise each other. It seals nothing, so a lost one is simply replaced.
/// </summary>
internal static class ServiceKey
{
    internal static void Ensure(string file)
    {
        if (!File.Exists(file)) PrivateFile.Write(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
    }
}
