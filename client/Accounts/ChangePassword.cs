using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

internal sealed record PasswordChange(string CurrentPassword, string NewPassword);

internal static class ChangePassword
{
    private static readonly Option<bool> PasswordStdin =
        PasswordInput.Option("Read the current password from the first line of standard input and the new one from the second");

    public static Command Define()
    {
        var command = new Command("password", "Change the password; you stay signed in here and are signed out everywhere else")
        {
            PasswordStdin, ForgotPassword.Define(), ResetPassword.Define(),
        };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var username = invocation.Sessions.Require(invocation.Server).Username; // before any question
        invocation.WarnIfOthersCanListen();
        var change = await ReadAsync(parsed, cancellation);
        var request = new Request(HttpMethod.Post, "/account/password").WithPassword(change, ClientJson.Default.PasswordChange);

        using var held = await invocation.Sessions.HoldAsync(cancellation);
        held.Require(invocation.Server, username);
        var sentAt = TimeProvider.System.GetUtcNow();
        var answer = await SignedInRequest.SendAsync(invocation, held, request, cancellation);
        held.Remember(invocation.Server, LoginAnswer.From(answer).ToSession(username, sentAt), answer.DeviceCookie);

        invocation.Output.Answer(answer);
        return ExitCode.Ok;
    }

    private static async Task<PasswordChange> ReadAsync(ParseResult parsed, CancellationToken cancellation)
    {
        if (parsed.GetValue(PasswordStdin))
        {
            var lines = await PasswordInput.ReadStandardInputAsync(count: 2, cancellation);
            return new PasswordChange(lines[0], lines[1]);
        }

        PasswordInput.RequireTerminal($"authmesh password {PasswordInput.OptionName} <file-with-both");
        return new PasswordChange(
            await Prompt.AskHiddenAsync("Current password: ", cancellation),
            await PasswordInput.AskNewAsync("New password", cancellation));
    }
}
