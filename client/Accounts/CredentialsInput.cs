using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

/// <summary>Reads the name and the password.</summary>
internal static class CredentialsInput
{
    private static readonly Argument<string?> Username = new("username")
    {
        Description = "The username; if left out, asked for at the terminal",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> PasswordStdin =
        PasswordInput.Option("Read the password from the first line of standard input, without the line end");

    public static IReadOnlyList<Symbol> Symbols => [Username, PasswordStdin];

    public static void AddTo(Command command)
    {
        command.Add(Username);
        command.Add(PasswordStdin);
    }

    public static async Task<Credentials> ReadAsync(
        Invocation invocation, ParseResult parsed, bool isNewPassword, CancellationToken cancellation)
    {
        invocation.WarnIfOthersCanListen();
        var command = $"authmesh {parsed.CommandResult.Command.Name} NAME {PasswordInput.OptionName}";
        var username = parsed.GetValue(Username);
        if (parsed.GetValue(PasswordStdin))
        {
            return username is null
                ? throw CommandFailure.Usage($"With {PasswordInput.OptionName} the username must be an argument", command)
                : Of(username, (await PasswordInput.ReadStandardInputAsync(count: 1, cancellation))[0]);
        }

        PasswordInput.RequireTerminal($"{command} <password-file");
        username ??= await Prompt.AskAsync("Username: ", cancellation);
        var password = isNewPassword
            ? await PasswordInput.AskNewAsync("Password", cancellation)
            : await Prompt.AskHiddenAsync("Password: ", cancellation);
        return Of(username, password);
    }

    // Trims as the server does: no name holds white space. The client stores the device cookie, for example, under the trimmed name.
    private static Credentials Of(string username, string password) => new(username.Trim(" \t\r\n\f".ToCharArray()), password);
}
