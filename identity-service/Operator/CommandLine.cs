using System.CommandLine;
using System.CommandLine.Invocation;

namespace AuthMesh.Identity.Operator;

/// <summary>
/// The arguments of the process: settings in ASP.NET Core's form (<c>--Identity:Keys:MaxAge=00:05:00</c>) and optionally a command.
/// </summary>
internal sealed class CommandLine
{
    // The settings of the host itself have no section.
    private static readonly string[] HostSettings = ["environment", "urls", "http_ports", "https_ports", "contentRoot", "applicationName"];

    private readonly ParseResult? parsed;

    private CommandLine(string[] settings, ParseResult? parsed) => (Settings, this.parsed) = (settings, parsed);

    /// <summary>The arguments that are settings.</summary>
    public string[] Settings { get; }

    /// <summary>The command to run, or null to run the service itself.</summary>
    public OperatorCommand? Command => parsed?.CommandResult.Command as OperatorCommand;

    public static CommandLine Read(string[] args)
    {
        var (words, settings) = Split(args);

        // An '@' belongs to a username and never names a response file.
        var grammar = new ParserConfiguration { ResponseFileTokenReplacer = null };
        return new CommandLine(settings, words.Length == 0 ? null : Define().Parse(words, grammar));
    }

    /// <summary>Prints the requested help, or the mistakes in the arguments.</summary>
    /// <returns>The exit code of the process, or null if a command or the service has to run.</returns>
    public int? Explain()
    {
        if (parsed is null || (Command is not null && parsed.Action is null))
        {
            return null;
        }

        var isMistake = parsed.Action is ParseErrorAction;
        var exitCode = parsed.Invoke(new InvocationConfiguration { Output = isMistake ? Console.Error : Console.Out });
        return isMistake ? 1 : exitCode;
    }

    public Task<int> RunAsync(WebApplication app) => Command!.RunAsync(app, parsed!);

    private static RootCommand Define() => new("The identity service of AuthMesh. Without a command, it runs the service.")
    {
        MigrateSchema.Define(),
        Rotate.Define(),
        Reseal.Define(),
        RecoverAdmin.Define(),
        DemoUsers.Define(),
    };

    // The configuration ignores unknown options, so a mistyped option of a command would be ignored too and the wrong command would run.
    // Only options with a section, and the host's own, are therefore settings. Everything else must be part of a command.
    private static (string[] Words, string[] Settings) Split(string[] args)
    {
        List<string> words = [], settings = [];
        for (var i = 0; i < args.Length; i++)
        {
            var name = args[i].Split('=')[0];
            var isSetting = name.StartsWith("--", StringComparison.Ordinal)
                && (name.Contains(':', StringComparison.Ordinal) || HostSettings.Contains(name[2..], StringComparer.OrdinalIgnoreCase));
            var hasOwnValue = args[i].Contains('=', StringComparison.Ordinal);
            var hasNextValue = !hasOwnValue && i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal);
            if (!isSetting || !(hasOwnValue || hasNextValue))
            {
                words.Add(args[i]);
                continue;
            }

            settings.Add(args[i]);
            if (hasNextValue)
            {
                settings.Add(args[++i]);
            }
        }

        return ([.. words], [.. settings]);
    }
}
