using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Passkeys;

internal static class RemovePasskey
{
    public static Command Define()
    {
        var command = new Command("remove", "Remove a passkey; the server keeps your last way to sign in");
        PasskeyChoice.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var passkey = await PasskeyChoice.FindAsync(invocation, parsed, cancellation);
        invocation.Output.Answer(
            await SignedInRequest.SendAsync(invocation, Request.Delete($"/account/passkeys/{passkey.Id}"), cancellation));
        return ExitCode.Ok;
    }
}
