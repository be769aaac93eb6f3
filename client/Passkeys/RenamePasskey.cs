using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Passkeys;

internal sealed record PasskeyName(string Name);

internal static class RenamePasskey
{
    private static readonly Argument<string> NewName = new("new-name") { Description = "The new name" };

    public static Command Define()
    {
        var command = new Command("rename", "Give a passkey another name");
        PasskeyChoice.AddTo(command);
        command.Add(NewName);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var passkey = await PasskeyChoice.FindAsync(invocation, parsed, cancellation);
        var request = new Request(HttpMethod.Patch, $"/account/passkeys/{passkey.Id}")
            .With(new PasskeyName(parsed.GetRequiredValue(NewName)), ClientJson.Default.PasskeyName);
        invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, request, cancellation));
        return ExitCode.Ok;
    }
}
