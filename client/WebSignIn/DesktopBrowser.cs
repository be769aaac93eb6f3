using System.ComponentModel;
using System.Diagnostics;

namespace AuthMesh.Client.WebSignIn;

/// <summary>The browser of the desktop at which the user sits.</summary>
internal static class DesktopBrowser
{
    private static readonly string[] RemoteSigns = ["SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"];

    // An opener that fails does so at once; one that is still running has become the browser.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>Whether a browser of this computer appears before the user. Over SSH it would appear elsewhere, or nowhere.</summary>
    public static bool IsAtHand => !Array.Exists(RemoteSigns, IsSet) && (
        OperatingSystem.IsWindows() ? Environment.UserInteractive
        : OperatingSystem.IsMacOS() ? FindOpener() is not null
        : (IsSet("DISPLAY") || IsSet("WAYLAND_DISPLAY")) && FindOpener() is not null);

    /// <returns>Whether it opened.</returns>
    public static async Task<bool> TryOpenAsync(string address, CancellationToken cancellation)
    {
        // The shell of Windows opens an address as "start" does, without reading the & in it as the end of a command.
        var start = OperatingSystem.IsWindows()
            ? new ProcessStartInfo(address) { UseShellExecute = true }
            : new ProcessStartInfo(FindOpener() ?? "", [address]) { RedirectStandardOutput = true, RedirectStandardError = true };
        try
        {
            using var process = Process.Start(start);
            if (process is null)
            {
                return OperatingSystem.IsWindows(); // a browser that was running already
            }

            using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            deadline.CancelAfter(Patience);
            await process.WaitForExitAsync(deadline.Token);
            return process.ExitCode == 0;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return true;
        }
        catch (Exception exception) when (exception is Win32Exception or InvalidOperationException)
        {
            return false; // no opener, or none that may be started
        }
    }

    private static string? FindOpener()
    {
        var name = OperatingSystem.IsMacOS() ? "open" : "xdg-open";
        return (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
    }

    private static bool IsSet(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));
}
