using System.ComponentModel;
using System.Diagnostics;

namespace AuthMesh.LocalMesh.Processes;

internal sealed record CommandResult(int ExitCode, string Output)
{
    internal bool Succeeded => ExitCode == 0;
}

/// <summary>Runs a short command to its end. A missing program gives exit code 127, as in a shell.</summary>
internal static class Command
{
    internal static CommandResult Run(IReadOnlyList<string> command, string? user = null, string? workingDirectory = null) =>
        RunAsync(command, user, workingDirectory).GetAwaiter().GetResult();

    internal static async Task<CommandResult> RunAsync(
        IReadOnlyList<string> command, string? user = null, string? workingDirectory = null, (string Name, string Value)? secret = null)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            UserName = user,
            WorkingDirectory = workingDirectory ?? "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (secret is { } variable) start.Environment[variable.Name] = variable.Value; // never an argument: `ps` shows those to everybody

        try
        {
            using var process = Process.Start(start)!;
            process.StandardInput.Close();
            var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
            await process.WaitForExitAsync();
            return new(process.ExitCode, string.Concat(output).Trim());
        }
        catch (Win32Exception e)
        {
            return new(127, e.Message);
        }
    }
}
