using System.CommandLine;

namespace AuthMesh.Client.Completion;

/// <summary>
/// Prints the script that makes a shell complete commands and options. The script asks the client itself, by System.CommandLine's
/// directive <c>[suggest]</c>, so it need not be printed again after an update.
/// </summary>
internal static class PrintCompletion
{
    private static readonly Argument<string> Shell = new("SHELL") { Description = "bash, zsh or powershell" };

    public static Command Define()
    {
        Shell.AcceptOnlyFromAmong("bash", "zsh", "powershell");
        var command = new Command("completion", "Print the script that makes a shell complete commands and options") { Shell };
        command.SetAction(parsed => Print(parsed.GetRequiredValue(Shell)));
        return command;
    }

    private static void Print(string shell)
    {
        using var script = new StreamReader(typeof(PrintCompletion).Assembly.GetManifestResourceStream($"completion.{shell}")!);
        Console.Out.Write(script.ReadToEnd());
    }
}
