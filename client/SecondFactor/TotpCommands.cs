using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.SecondFactor;

internal static class TotpCommands
{
    public static Command Define()
    {
        var disable = new Command("disable", "Remove the authenticator app");
        Invocation.On(disable, async (invocation, _, cancellation) =>
        {
            invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, Request.Delete("/account/totp"), cancellation));
            return ExitCode.Ok;
        });
        return new Command("totp", "Turn codes of an authenticator app on or off") { EnableTotp.Define(), disable };
    }

    public static Command DefineRecoveryCodes()
    {
        var command = new Command("recovery-codes", "Replace your recovery codes and show the new ones");
        Invocation.On(command, async (invocation, _, cancellation) =>
        {
            var request = new Request(HttpMethod.Post, "/account/recovery-codes");
            EnableTotp.ShowWithCodes(invocation.Output, await SignedInRequest.SendAsync(invocation, request, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }
}
