using System.Buffers.Binary;
using System.Net.Sockets;

#pragma warning disable CA1050 // the runtime looks for this name outside of any namespace

/// <summary>
/// Runs inside a service before its first line, because <see cref="AuthMesh.TestMesh.AllocatedBytes.Settings"/> names this assembly in
/// DOTNET_STARTUP_HOOKS. It answers each connection to a local socket with the number of bytes that the process has allocated so far. The
/// services know nothing of it. The runtime loads only this class, so it may use nothing outside of the framework.
/// </summary>
internal static class StartupHook
{
    /// <summary>The environment variable with the folder of the sockets.</summary>
    internal const string FolderVariable = "AUTHMESH_ALLOCATED_BYTES";

    public static void Initialize()
    {
        var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var folder = Environment.GetEnvironmentVariable(FolderVariable)!;
        listener.Bind(new UnixDomainSocketEndPoint(SocketOf(folder, Environment.ProcessId)));
        listener.Listen();
        new Thread(() => Answer(listener)) { IsBackground = true, Name = "allocated bytes" }.Start();
    }

    internal static string SocketOf(string folder, int process) => Path.Combine(folder, $"{process}.socket");

    private static void Answer(Socket listener)
    {
        var answer = new byte[sizeof(long)];
        while (true)
        {
            using var asking = listener.Accept();
            BinaryPrimitives.WriteInt64LittleEndian(answer, GC.GetTotalAllocatedBytes(precise: true));
            try
            {
                asking.Send(answer);
            }
            catch (SocketException)
            {
                // It has hung up. The next one gets its answer.
            }
        }
    }
}
