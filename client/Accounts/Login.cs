using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.SecondFactor;
using AuthMesh.Client.Server;
using AuthMesh.Client.WebSignIn;

namespace AuthMesh.Client.Accounts;

internal static class Login
{
    private static readonly Option<string?> Code = CodeInput.Option(
        "A code of your authenticator app or a recovery code, if the account demands one; if left out, asked for at the terminal");

    private static readonly Option<bool> TrustDevice = new("--trust-device")
    {
        Description = "Ask for no code here for 30 days, if the server permits it",
        Arity = ArgumentArity.Zero,
    };

    public static Command Define()
    {
        var command = new Command("login", "Sign in and keep the tokens for the other commands (--json prints them too)");
        CredentialsInput.AddTo(command);
        command.Add(Code);
        command.Add(TrustDevice);
        WebLogin.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        using (await invocation.Sessions.HoldAsync(cancellation))
        {
            // Checks that the client can store tokens. Otherwise the server would start a session that nobody here could end.
        }

        if (WebLogin.IsWanted(parsed, [.. CredentialsInput.Symbols, Code, TrustDevice]))
        {
            return await WebLogin.RunAsync(invocation, parsed, cancellation);
        }

        var credentials = await CredentialsInput.ReadAsync(invocation, parsed, isNewPassword: false, cancellation);

        var sentAt = TimeProvider.System.GetUtcNow();
        var request = new Request(HttpMethod.Post, "/login").WithPassword(credentials, ClientJson.Default.Credentials) with
        {
            Cookie = invocation.Sessions.DeviceCookie(invocation.Server, credentials.Username),
        };
        var answer = await invocation.Connection.SendAsync(request, cancellation);
        if (answer.Fields.Code == FinishLogin.Demand)
        {
            answer = await FinishLogin.RunAsync(
                invocation, answer, parsed.GetValue(Code), parsed.GetValue(TrustDevice), cancellation);
        }

        var login = LoginAnswer.From(invocation.Accepted(answer, credentials.Username));
        using (var held = await invocation.Sessions.HoldAsync(cancellation))
        {
            held.Remember(invocation.Server, login.ToSession(credentials.Username, sentAt), answer.DeviceCookie);
        }

        invocation.Output.Answer(answer);
        return ExitCode.Ok;
    }
}
