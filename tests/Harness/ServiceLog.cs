using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;

namespace AuthMesh.Tests.Harness;

/// <summary>Waits for lines in the log of a running service. The console logger writes them on its own thread, after the answer.</summary>
public static class ServiceLog
{
    /// <param name="service">The service.</param>
    /// <param name="text">A part of the line.</param>
    /// <param name="from">The length of the log at an earlier time: only what follows counts.</param>
    public static Task UntilLoggedAsync(this ServiceProcess service, string text, int from = 0) => Patience.UntilAsync(
        () => Task.FromResult(service.Output[from..]), log => log.Contains(text, StringComparison.Ordinal));

    /// <param name="service">The service.</param>
    /// <param name="pattern">A regular expression.</param>
    public static Task UntilLogMatchesAsync(this ServiceProcess service, string pattern) =>
        Patience.UntilAsync(() => Task.FromResult(service.Output), log => Regex.IsMatch(log, pattern));
}
