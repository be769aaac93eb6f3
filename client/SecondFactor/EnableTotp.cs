using System.CommandLine;
using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;
using QRCoder;

namespace AuthMesh.Client.SecondFactor;

internal sealed record TotpSetup(string Secret, string OtpauthUri);

internal sealed record TotpConfirmation(string Code);

internal sealed record RecoveryCodesAnswer(IReadOnlyList<string>? RecoveryCodes = null);

/// <summary>Shows the secret as a QR code, and turns the app on by its first code.</summary>
internal static class EnableTotp
{
    public static Command Define()
    {
        var command = new Command("enable", "Add an authenticator app; from then on the password needs a code");
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var username = invocation.Sessions.Require(invocation.Server).Username; // before any question
        if (!Prompt.IsPossible)
        {
            throw CommandFailure.Usage("Cannot show a QR code and ask for a code without a terminal", "run authmesh totp enable at one");
        }

        var begun = await SignedInRequest.SendAsync(invocation, new Request(HttpMethod.Post, "/account/totp"), cancellation);
        var setup = begun.Read(ClientJson.Default.TotpSetup);
        Show(invocation.Output, setup);
        ShowWithCodes(invocation.Output, await ConfirmAsync(invocation, username, cancellation));
        return ExitCode.Ok;
    }

    /// <summary>Shows an answer with its recovery codes, which the server never shows again.</summary>
    public static void ShowWithCodes(Output output, Answer answer)
    {
        output.Answer(answer);
        if (output.IsJson || answer.Read(ClientJson.Default.RecoveryCodesAnswer).RecoveryCodes is not { } codes)
        {
            return;
        }

        output.Line("Keep these recovery codes where you find them without your device. Each is good once:");
        foreach (var code in codes)
        {
            output.Line($"  {code}");
        }
    }

    // On standard error: with --json, standard output holds the answer alone.
    private static void Show(Output output, TotpSetup setup)
    {
        using var generator = new QRCodeGenerator();
        using var data = generator.CreateQrCode(setup.OtpauthUri, QRCodeGenerator.ECCLevel.L);
        using var code = new AsciiQRCode(data);
        foreach (var line in code.GetGraphicSmall().Split('\n'))
        {
            output.Note(line.TrimEnd('\r'));
        }

        output.Note("Scan it with your authenticator app, or enter the secret:");
        output.Note($"  {string.Join(' ', setup.Secret.Chunk(4).Select(group => new string(group)))}");
    }

    private static async Task<Answer> ConfirmAsync(Invocation invocation, string username, CancellationToken cancellation)
    {
        while (true)
        {
            var code = await Prompt.AskAsync("First code of the app: ", cancellation);
            var request = new Request(HttpMethod.Post, "/account/totp/confirm")
                .With(new TotpConfirmation(code), ClientJson.Default.TotpConfirmation);
            using var held = await invocation.Sessions.HoldAsync(cancellation);
            held.Require(invocation.Server, username);
            var sentAt = TimeProvider.System.GetUtcNow();
            try
            {
                var answer = await SignedInRequest.SendAsync(invocation, held, request, cancellation);

                // The answer's token has two factors.
                var login = LoginAnswer.From(answer);
                var session = held.Require(invocation.Server, username);
                held.Remember(invocation.Server, session with { Token = login.Token, ExpiresAt = sentAt.AddSeconds(login.ExpiresIn) });
                return answer;
            }
            catch (CommandFailure failure) when (failure.Code == "wrong_code")
            {
                invocation.Output.Note(failure.Message);
            }
        }
    }
}
