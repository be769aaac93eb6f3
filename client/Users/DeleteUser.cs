using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Users;

internal static class DeleteUser
{
    private static readonly Option<bool> Yes = new("--yes")
    {
        Description = "Do not ask for confirmation",
        Arity = ArgumentArity.Zero,
    };

    public static Command Define()
    {
        var command = new Command("delete", "Delete a user for good") { Yes };
        UserChoice.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var (choice, isMeant) = (UserChoice.In(parsed), parsed.GetValue(Yes));
        if (!isMeant && !Prompt.IsPossible)
        {
            throw CommandFailure.Usage("Cannot ask for confirmation without a terminal", $"authmesh users delete {choice} --yes");
        }

        var (user, _) = await choice.FindAsync(invocation, parsed, cancellation);
        var question =
            $"This deletes {SafeText.Escape(user.Username)} (id {user.Id}) at {invocation.Server} for good. Type the name to confirm: ";
        if (!isMeant && await Prompt.AskAsync(question, cancellation) != user.Username)
        {
            throw CommandFailure.Usage("The name does not match; nothing was changed", "try again");
        }

        invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, Request.Delete($"/users/{user.Id}"), cancellation));
        return ExitCode.Ok;
    }
}
