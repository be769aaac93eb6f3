using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

internal sealed record LinkAnswer(string? Link = null);

internal static class ResetUserPassword
{
    public static Command Define()
    {
        var command = new Command("reset-password", "Give a user a link that sets a new password: by mail, or else printed once");
        UserChoice.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var (user, _) = await UserChoice.In(parsed).FindAsync(invocation, parsed, cancellation);
        var request = new Request(HttpMethod.Post, $"/users/{user.Id}/password-reset");
        HandedLink.Show(invocation, await SignedInRequest.SendAsync(invocation, request, cancellation));
        return ExitCode.Ok;
    }
}

internal static class HandedLink
{
    /// <summary>Shows an answer and its link, which the server shows only once.</summary>
    public static void Show(Invocation invocation, Answer answer)
    {
        invocation.Output.Answer(answer);
        if (!invocation.Output.IsJson && answer.Read(ClientJson.Default.LinkAnswer).Link is { } link)
        {
            invocation.Output.Line(link);
        }
    }
}
