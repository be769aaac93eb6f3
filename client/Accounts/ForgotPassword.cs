using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Accounts;

internal sealed record ForgottenPassword(string Account);

internal static class ForgotPassword
{
    private static readonly Argument<string> Account = new("name") { Description = "The account's name or its confirmed address" };

    public static Command Define()
    {
        var command = new Command("forgot", "Have a link mailed that sets a new password") { Account };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var account = parsed.GetRequiredValue(Account);
        var request = new Request(HttpMethod.Post, "/password/forgot")
            .With(new ForgottenPassword(account), ClientJson.Default.ForgottenPassword);
        invocation.Output.Answer(invocation.Accepted(await invocation.Connection.SendAsync(request, cancellation), account));
        return ExitCode.Ok;
    }
}
