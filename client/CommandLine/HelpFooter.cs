using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.CommandLine;

/// <summary>Adds exit codes, environment and file to every command's help, because System.CommandLine does not know them.</summary>
internal sealed class HelpFooter(HelpAction help) : SynchronousCommandLineAction
{
    private const int NarrowestHelp = 40; // System.CommandLine fails at a width of a few columns, which some pseudo-terminals have

    public static void AddTo(RootCommand root)
    {
        var option = root.Options.OfType<HelpOption>().Single();
        var help = (HelpAction)option.Action!;
        help.MaxWidth = Console.IsOutputRedirected ? int.MaxValue : Math.Max(NarrowestHelp, Console.WindowWidth);
        option.Action = new HelpFooter(help);
    }

    public static string CommandPath(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (SymbolResult? at = parsed.CommandResult; at is CommandResult command; at = at.Parent)
        {
            names.Push(at.Parent is null ? "authmesh" : command.Command.Name);
        }

        return string.Join(' ', names);
    }

    public override int Invoke(ParseResult parseResult)
    {
        var result = help.Invoke(parseResult);
        var writer = parseResult.InvocationConfiguration.Output;

        writer.WriteLine("Exit codes:");
        foreach (var (code, meaning) in ExitCode.Meanings)
        {
            writer.WriteLine($"  {code,-3}  {meaning}");
        }

        writer.WriteLine();
        writer.WriteLine("Environment:");
        writer.WriteLine($"  {ServerAddress.EnvironmentVariable}  the server, if --server is not given");
        writer.WriteLine("  NO_COLOR         no colours, if set");
        writer.WriteLine();
        writer.WriteLine($"The client keeps the tokens of each server in {SessionFile.Name} in {ConfigurationFolder.Shown},");
        writer.WriteLine("readable only by you.");
        return result;
    }
}
