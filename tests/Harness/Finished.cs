using System.Diagnostics;

namespace AuthMesh.Tests.Harness;

/// <summary>A program that ran to its end.</summary>
public sealed record Finished(int ExitCode, string Output, string Errors)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2), PatienceWithBuilds = TimeSpan.FromMinutes(5);

    /// <param name="command">The program and its arguments.</param>
    /// <param name="environment">Additional variables. Settings of this shell that our programs would read are removed.</param>
    /// <param name="input">The standard input, which is never a terminal.</param>
    /// <param name="folder">The working folder. Null is a folder without meaning for the program.</param>
    /// <param name="isBuild">Whether it restores and compiles, which takes longer.</param>
    public static async Task<Finished> RunAsync(
        IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null, string input = "", string? folder = null,
        bool isBuild = false)
    {
        using var process = Start(command, environment, folder);
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // The program may exit without reading its input.
        }

        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(isBuild ? PatienceWithBuilds : Patience);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(deadline.Token);
            var errors = process.StandardError.ReadToEndAsync(deadline.Token);
            await process.WaitForExitAsync(deadline.Token);
            return new Finished(process.ExitCode, await output, await errors);
        }
        finally
        {
            if (!process.HasExited) // Kill would search all processes of the machine for children
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    /// <summary>Starts a program whose three streams the caller controls.</summary>
    public static Process Start(
        IReadOnlyList<string> command, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            WorkingDirectory = folder ?? Path.GetTempPath(),
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in start.Environment.Keys.Where(IsSetting).ToList())
        {
            start.Environment.Remove(name);
        }

        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        return Process.Start(start)!;
    }

    /// <summary>On failure, shows the program's output.</summary>
    public void AssertExited(int exitCode) => Assert.True(ExitCode == exitCode, $"not exit code {exitCode}: {this}");

    public override string ToString() => $"exit code {ExitCode}\n{Output}\n{Errors}";

    private static bool IsSetting(string name) =>
        name.Contains("__", StringComparison.Ordinal)
        || name.StartsWith("ASPNETCORE_", StringComparison.Ordinal)
        || name.StartsWith("OTEL_", StringComparison.Ordinal)
        || name is "DOTNET_ENVIRONMENT" or "DOTNET_URLS" or "AUTHMESH_SERVER";
}
