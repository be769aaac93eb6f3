using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Sessions;

internal static class Logout
{
    private static readonly Option<bool> ForgetOnly = new("--forget-only")
    {
        Description = "Drop the tokens kept here without a word to the server, where the session goes on",
        Arity = ArgumentArity.Zero,
    };

    public static Command Define()
    {
        var command = new Command("logout", "End the session at the server, then drop its tokens here") { ForgetOnly };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        using var held = await invocation.Sessions.HoldAsync(cancellation); // what is dropped then is what was ended
        var session = held.Require(invocation.Server);
        if (parsed.GetValue(ForgetOnly))
        {
            held.Forget(invocation.Server);
            invocation.Output.Done(
                $"Forgot the sign-in of {session.Username}; at {invocation.Server} it goes on until {ShownTime.Of(session.EndsAt)}, "
                + "unless somebody ends it");
            return ExitCode.Ok;
        }

        var answer = await EndAsync(invocation, session, cancellation);
        held.Forget(invocation.Server);

        invocation.Output.Answer(answer);
        return ExitCode.Ok;
    }

    // No renewal before: the server ends the session by either token, also by one that has expired.
    private static async Task<Answer> EndAsync(Invocation invocation, StoredSession session, CancellationToken cancellation)
    {
        invocation.WarnIfOthersCanListen();
        var request = new Request(HttpMethod.Post, "/logout") { Token = session.Token };
        if (session.RefreshToken is not null)
        {
            request = request.With(new RefreshRequest(session.RefreshToken), ClientJson.Default.RefreshRequest);
        }

        try
        {
            return invocation.Accepted(await invocation.Connection.SendAsync(request, cancellation), session.Username);
        }
        catch (CommandFailure failure) // forgetting it all the same would look like a logout while the session goes on
        {
            throw failure.With(detail: "you are still signed in; to drop the tokens here all the same: authmesh logout --forget-only");
        }
    }
}
