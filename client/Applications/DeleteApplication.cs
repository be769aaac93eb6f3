using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Applications;

internal static class DeleteApplication
{
    private static readonly Option<bool> Yes = new("--yes") { Description = "Do not ask for confirmation", Arity = ArgumentArity.Zero };

    public static Command Define()
    {
        var command = new Command("delete", "Delete an application with its secrets, and end its tokens")
        {
            CreateApplication.ClientId, Yes,
        };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var (clientId, isMeant) = (parsed.GetRequiredValue(CreateApplication.ClientId), parsed.GetValue(Yes));
        if (!isMeant && !Prompt.IsPossible)
        {
            throw CommandFailure.Usage(
                "Cannot ask for confirmation without a terminal", $"authmesh applications delete {clientId} --yes");
        }

        var application = await ListApplications.FindAsync(invocation, clientId, cancellation);
        var question = $"This deletes application {SafeText.Escape(application.ClientId)} at {invocation.Server} for good. "
            + "Type its client_id to confirm: ";
        if (!isMeant && await Prompt.AskAsync(question, cancellation) != application.ClientId)
        {
            throw CommandFailure.Usage("The client_id does not match; nothing was changed", "try again");
        }

        invocation.Output.Answer(
            await SignedInRequest.SendAsync(invocation, Request.Delete($"/applications/{application.Id}"), cancellation));
        return ExitCode.Ok;
    }
}
