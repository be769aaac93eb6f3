using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

/// <summary>Where passwords come from. None is ever an argument: those stand in the process list and the history.</summary>
internal static class PasswordInput
{
    public const string OptionName = "--password-stdin";

    public static Option<bool> Option(string description) =>
        new(OptionName) { Description = description, Arity = ArgumentArity.Zero };

    /// <param name="count">How many lines, each a password.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    public static async Task<IReadOnlyList<string>> ReadStandardInputAsync(int count, CancellationToken cancellation)
    {
        if (Prompt.IsPossible) // whoever typed it here would see it on the screen
        {
            throw CommandFailure.Usage("Standard input is a terminal, no pipe or file", $"leave {OptionName} out to be asked");
        }

        if (StandardStreams.IsInputClosed)
        {
            throw CommandFailure.Usage("Standard input is closed", $"pipe the password in, or leave {OptionName} out at a terminal");
        }

        try
        {
            using var input = Console.OpenStandardInput();
            return await PasswordLines.ReadAsync(input, "standard input", count, cancellation);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage(
                $"Standard input cannot be read: {exception.GetBaseException().Message}", "pipe the password in, or name a file behind <");
        }
    }

    /// <param name="pipedIn">How the command is written that needs no terminal.</param>
    public static void RequireTerminal(string pipedIn)
    {
        if (!Prompt.IsPossible)
        {
            throw CommandFailure.Usage("There is no terminal to ask for the password", $"pipe it in: {pipedIn}");
        }
    }

    /// <summary>Asks twice, since nobody sees what is typed and a slip would lock its owner out.</summary>
    public static async Task<string> AskNewAsync(string name, CancellationToken cancellation)
    {
        var password = await Prompt.AskHiddenAsync($"{name}: ", cancellation);
        return await Prompt.AskHiddenAsync($"{name} again: ", cancellation) == password
            ? password
            : throw CommandFailure.Usage("The two passwords differ; nothing was sent", "try again");
    }
}
