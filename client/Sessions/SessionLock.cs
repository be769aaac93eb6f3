using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Sessions;

/// <summary>
/// Lets one client at a time change the session file, so that each change builds on the one before. It is an operating system lock on a
/// file of its own, and the system releases it however its holder ends. The file stays: if a client removed it, one client could wait for
/// the old file while another takes a new one.
/// </summary>
internal static class SessionLock
{
    // longer than the 10 s that a holder waits for the server, unless it changes a password
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    public static async Task<IDisposable> TakeAsync(string path, CancellationToken cancellation)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            try
            {
                return OwnerOnlyFile.Open(path, FileMode.OpenOrCreate);
            }
            catch (IOException exception) when (IsTaken(exception))
            {
                if (TimeProvider.System.GetElapsedTime(start) > Patience)
                {
                    throw SessionFile.Unusable(
                        $"Another authmesh has held {path} for {Patience.TotalSeconds:0} s", "let it finish or end it, then try again");
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw SessionFile.Unusable($"{path} cannot be opened: {exception.Message}", SessionFile.ElsewhereHint);
            }

            await Task.Delay(Pause, cancellation);
        }
    }

    // Compares the system's error number: a full disk or a missing right is an IOException too, and waiting would not help.
    private static bool IsTaken(IOException exception) => exception.HResult == (
        OperatingSystem.IsWindows() ? unchecked((int)0x80070020) // ERROR_SHARING_VIOLATION
        : OperatingSystem.IsLinux() ? 11 // EWOULDBLOCK
        : 35); // the same on macOS and BSD
}
