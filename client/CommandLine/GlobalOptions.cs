using System.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.CommandLine;

internal static class GlobalOptions
{
    public static readonly Option<string?> Server = new("--server")
    {
        Description = $"The server's address [default: {ServerAddress.EnvironmentVariable}, else the server of the last login, "
            + $"else {ServerAddress.QuickStart}]",
        HelpName = "URL",
        Recursive = true,
    };

    public static readonly Option<bool> Json = new("--json")
    {
        Description = "For programs: print one JSON document on standard output, the server's answer or the error, and nothing else",
        Arity = ArgumentArity.Zero,
        Recursive = true,
    };
}
