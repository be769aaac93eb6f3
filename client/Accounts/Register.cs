using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Accounts;

internal static class Register
{
    public static Command Define()
    {
        var command = new Command("register", "Create an account; sign in with it afterwards");
        CredentialsInput.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var credentials = await CredentialsInput.ReadAsync(invocation, parsed, isNewPassword: true, cancellation);
        var answer = await invocation.Connection.SendAsync(
            new Request(HttpMethod.Post, "/register").WithPassword(credentials, ClientJson.Default.Credentials), cancellation);
        invocation.Output.Answer(invocation.Accepted(answer, credentials.Username));
        return ExitCode.Ok;
    }
}
