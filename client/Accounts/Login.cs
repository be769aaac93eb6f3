using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.Accounts;

internal static class Login
{
    public static Command Define()
    {
        var command = new Command("login", "Sign in and keep the token for the other commands (with --json it is printed too)");
        CredentialsInput.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var credentials = await CredentialsInput.ReadAsync(invocation, parsed, isNewPassword: false, cancellation);

        var sentAt = TimeProvider.System.GetUtcNow(); // before the answer, so that we never think a token lives longer than it does
        var answer = await invocation.Connection.SendAsync(
            Request.Post("/login", credentials, ClientJson.Default.Credentials), cancellation);
        var login = LoginAnswer.From(invocation.Accepted(answer, credentials.Username));
        using (var held = await invocation.Sessions.HoldAsync(cancellation))
        {
            held.Remember(invocation.Server, new StoredSession(credentials.Username, login.Token, sentAt.AddSeconds(login.ExpiresIn)));
        }

        invocation.Output.Answer(answer);
        return ExitCode.Ok;
    }
}
