using System.Security.Cryptography;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>
/// The secret by which the services of the mesh know each other. Nothing is sealed with it, so a lost one is simply made anew.
/// </summary>
internal static class ServiceKey
{
    internal static void Ensure(string file)
    {
        if (!File.Exists(file)) PrivateFile.Write(file, Convert.ToBase64String(RandomNumberGenerator.GetBytes(32)));
    }
}
