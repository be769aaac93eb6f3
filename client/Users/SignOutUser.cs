using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

internal static class SignOutUser
{
    public static Command Define()
    {
        var command = new Command("sign-out", "Sign a user out everywhere");
        UserChoice.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var (user, _) = await UserChoice.In(parsed).FindAsync(invocation, parsed, cancellation);
        invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, Request.Delete($"/users/{user.Id}/sessions"), cancellation));
        return ExitCode.Ok;
    }
}
