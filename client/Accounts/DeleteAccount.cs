using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

internal sealed record AccountDeletion(string CurrentPassword);

internal static class DeleteAccount
{
    private static readonly Option<bool> Yes = new("--yes")
    {
        Description = "Do not ask for confirmation",
        Arity = ArgumentArity.Zero,
    };

    private static readonly Option<bool> PasswordStdin =
        PasswordInput.Option("Read the password from the first line of standard input; needs --yes");

    public static Command Define()
    {
        var command = new Command("delete", "Delete your account for good") { Yes, PasswordStdin };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var username = invocation.Sessions.Require(invocation.Server).Username; // before any question
        invocation.WarnIfOthersCanListen();
        var deletion = new AccountDeletion(await ReadPasswordAsync(invocation, parsed, username, cancellation));
        var request = Request.Delete("/account").WithPassword(deletion, ClientJson.Default.AccountDeletion);

        using var held = await invocation.Sessions.HoldAsync(cancellation);
        held.Require(invocation.Server, username);
        var answer = await SignedInRequest.SendAsync(invocation, held, request, cancellation);
        held.ForgetAccount(invocation.Server, username);

        invocation.Output.Answer(answer);
        return ExitCode.Ok;
    }

    private static async Task<string> ReadPasswordAsync(
        Invocation invocation, ParseResult parsed, string username, CancellationToken cancellation)
    {
        const string scripted = $"authmesh account delete --yes {PasswordInput.OptionName}";
        if (parsed.GetValue(PasswordStdin))
        {
            return parsed.GetValue(Yes)
                ? (await PasswordInput.ReadStandardInputAsync(count: 1, cancellation))[0]
                : throw CommandFailure.Usage($"With {PasswordInput.OptionName} the client cannot ask for confirmation", scripted);
        }

        PasswordInput.RequireTerminal($"{scripted} <password-file");
        if (!parsed.GetValue(Yes))
        {
            var question = $"This deletes {username} at {invocation.Server} for good. Type the name to confirm: ";
            if (await Prompt.AskAsync(question, cancellation) != username)
            {
                throw CommandFailure.Usage("The name does not match; nothing was sent", "try again");
            }
        }

        return await Prompt.AskHiddenAsync("Password: ", cancellation);
    }
}
