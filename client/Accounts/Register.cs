using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Accounts;

internal sealed record Registration(string Username, string Password, string? Email);

internal static class Register
{
    private static readonly Option<string?> Address = new("--email")
    {
        Description = "Your address; the server mails a link to it",
        HelpName = "ADDRESS",
    };

    public static Command Define()
    {
        var command = new Command("register", "Create an account; sign in with it afterwards");
        CredentialsInput.AddTo(command);
        command.Add(Address);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var credentials = await CredentialsInput.ReadAsync(invocation, parsed, isNewPassword: true, cancellation);
        var registration = new Registration(credentials.Username, credentials.Password, parsed.GetValue(Address));
        var answer = await invocation.Connection.SendAsync(
            new Request(HttpMethod.Post, "/register").WithPassword(registration, ClientJson.Default.Registration), cancellation);
        invocation.Output.Answer(invocation.Accepted(answer, credentials.Username));
        return ExitCode.Ok;
    }
}
