using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

/// <summary>The commands that remove one part of a user: all sessions, or the second factor.</summary>
internal static class RemoveFromUser
{
    public static Command DefineSignOut() => Define("sign-out", "Sign a user out everywhere", "sessions");

    public static Command DefineRemoveSecondFactor() =>
        Define("remove-second-factor", "Remove the second factor of a user who lost it; make sure who asks for it", "second-factor");

    private static Command Define(string name, string description, string part)
    {
        var command = new Command(name, description);
        UserChoice.AddTo(command);
        Invocation.On(command, (invocation, parsed, cancellation) => RunAsync(part, invocation, parsed, cancellation));
        return command;
    }

    private static async Task<int> RunAsync(string part, Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var (user, _) = await UserChoice.In(parsed).FindAsync(invocation, parsed, cancellation);
        invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, Request.Delete($"/users/{user.Id}/{part}"), cancellation));
        return ExitCode.Ok;
    }
}
