using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

internal sealed record PasswordReset(string Token, string NewPassword);

internal sealed record PasswordResetAnswer(string Username);

internal static class ResetPassword
{
    private static readonly Option<bool> PasswordStdin =
        PasswordInput.Option("Read the link or its token from the first line of standard input and the new password from the second");

    public static Command Define()
    {
        var command = new Command("reset", "Set a password with the link of a mail or of an invitation; sign in afterwards")
        {
            PasswordStdin,
        };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        invocation.WarnIfOthersCanListen();
        var reset = await ReadAsync(parsed, cancellation);
        var request = new Request(HttpMethod.Post, "/password/reset").WithPassword(reset, ClientJson.Default.PasswordReset);
        var answer = invocation.Accepted(await invocation.Connection.SendAsync(request, cancellation), "NAME");
        invocation.Output.Answer(answer);
        if (!invocation.Output.IsJson)
        {
            invocation.Output.Note($"next: authmesh login {answer.Read(ClientJson.Default.PasswordResetAnswer).Username}");
        }

        return ExitCode.Ok;
    }

    private static async Task<PasswordReset> ReadAsync(ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(PasswordStdin))
        {
            var lines = await PasswordInput.ReadStandardInputAsync(count: 2, cancellation);
            return new PasswordReset(MailedToken.In(lines[0]), lines[1]);
        }

        PasswordInput.RequireTerminal($"authmesh password reset {PasswordInput.OptionName} <file-with-both");
        return new PasswordReset(
            MailedToken.In(await Prompt.AskHiddenAsync("Link or token: ", cancellation)),
            await PasswordInput.AskNewAsync("New password", cancellation));
    }
}
