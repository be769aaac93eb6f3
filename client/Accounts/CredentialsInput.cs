using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

/// <summary>Where name and password come from. A password is never an argument: those stand in the process list and the history.</summary>
internal static class CredentialsInput
{
    private static readonly Argument<string?> Username = new("username")
    {
        Description = "Asked for at the terminal if left out",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> PasswordStdin = new("--password-stdin")
    {
        Description = "Take the password from the first line of standard input, every character of it",
        Arity = ArgumentArity.Zero,
    };

    public static void AddTo(Command command)
    {
        command.Add(Username);
        command.Add(PasswordStdin);
    }

    public static async Task<Credentials> ReadAsync(
        Invocation invocation, ParseResult parsed, bool isNewPassword, CancellationToken cancellation)
    {
        invocation.WarnIfOthersCanListen();
        var command = parsed.CommandResult.Command.Name;
        var username = parsed.GetValue(Username);
        if (parsed.GetValue(PasswordStdin))
        {
            return await ReadFromStandardInputAsync(username, command, cancellation);
        }

        if (!Prompt.IsPossible)
        {
            throw CommandFailure.Usage(
                "There is no terminal to ask for the password",
                $"pipe it in: authmesh {command} NAME --password-stdin <password-file");
        }

        username ??= await Prompt.AskAsync("Username: ", cancellation);
        return new Credentials(username, await AskPasswordAsync(isNewPassword, cancellation));
    }

    private static async Task<Credentials> ReadFromStandardInputAsync(string? username, string command, CancellationToken cancellation)
    {
        if (username is null)
        {
            throw CommandFailure.Usage("With --password-stdin the username is an argument", $"authmesh {command} NAME --password-stdin");
        }

        if (Prompt.IsPossible) // whoever typed it here would see it on the screen
        {
            throw CommandFailure.Usage("Standard input is a terminal, no pipe or file", "leave --password-stdin out to be asked");
        }

        using var input = Console.OpenStandardInput();
        return new Credentials(username, await PasswordLine.ReadAsync(input, "standard input", cancellation));
    }

    private static async Task<string> AskPasswordAsync(bool isNew, CancellationToken cancellation)
    {
        var password = await Prompt.AskHiddenAsync("Password: ", cancellation);
        if (isNew && await Prompt.AskHiddenAsync("Password again: ", cancellation) != password)
        {
            throw CommandFailure.Usage("The two passwords differ; nothing was sent", "try again");
        }

        return password;
    }
}
