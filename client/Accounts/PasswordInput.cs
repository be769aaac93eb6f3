using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

/// <summary>Reads passwords. A password is never an argument: the process list and the shell's history show arguments.</summary>
internal static class PasswordInput
{
    public const string OptionName = "--password-stdin";

    public static Option<bool> Option(string description) =>
        new(OptionName) { Description = description, Arity = ArgumentArity.Zero };

    /// <param name="count">The number of lines, each a password.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    public static async Task<IReadOnlyList<string>> ReadStandardInputAsync(int count, CancellationToken cancellation)
    {
        if (Prompt.IsPossible) // a password typed here would show on the screen
        {
            throw CommandFailure.Usage("Standard input is a terminal, not a pipe or file", $"leave out {OptionName}, and the client asks");
        }

        if (StandardStreams.IsInputClosed)
        {
            throw CommandFailure.Usage("Standard input is closed", $"pipe the password in, or leave out {OptionName} at a terminal");
        }

        try
        {
            using var input = Console.OpenStandardInput();
            return await PasswordLines.ReadAsync(input, "standard input", count, cancellation);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw CommandFailure.Usage(
                $"Standard input cannot be read: {exception.GetBaseException().Message}", "pipe the password in, or name a file after <");
        }
    }

    /// <param name="pipedIn">The form of the command that needs no terminal.</param>
    public static void RequireTerminal(string pipedIn)
    {
        if (!Prompt.IsPossible)
        {
            throw CommandFailure.Usage("Cannot ask for the password without a terminal", $"pipe it in: {pipedIn}");
        }
    }

    /// <summary>Asks twice, because the input is hidden and a slip would lock the user out.</summary>
    public static async Task<string> AskNewAsync(string name, CancellationToken cancellation)
    {
        var password = await Prompt.AskHiddenAsync($"{name}: ", cancellation);
        return await Prompt.AskHiddenAsync($"{name} again: ", cancellation) == password
            ? password
            : throw CommandFailure.Usage("The two passwords differ; nothing was sent", "try again");
    }
}
