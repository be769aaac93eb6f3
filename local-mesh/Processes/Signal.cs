using System.Runtime.InteropServices;

namespace AuthMesh.LocalMesh.Processes;

/// <summary>The signals that the mesh sends. STOP and CONT have other numbers on macOS than on Linux.</summary>
internal static class Signal
{
    internal const int Interrupt = 2;
    internal const int Quit = 3;
    internal const int Kill = 9;
    internal const int Terminate = 15;
    internal static readonly int Stop = OperatingSystem.IsMacOS() ? 17 : 19;
    internal static readonly int Continue = OperatingSystem.IsMacOS() ? 19 : 18;

    /// <summary>Returns false if the process does not exist or has ended.</summary>
    internal static bool Send(int pid, int signal) => SendSignal(pid, signal) == 0;

    [DllImport("libc", EntryPoint = "kill")]
    private static extern int SendSignal(int pid, int signal);
}
