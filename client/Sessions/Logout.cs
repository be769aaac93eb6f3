using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;
using AuthMesh.Client.WebSignIn;

namespace AuthMesh.Client.Sessions;

internal static class Logout
{
    private static readonly Option<bool> ForgetOnly = new("--forget-only")
    {
        Description = "Only delete the local tokens; the session at the server goes on",
        Arity = ArgumentArity.Zero,
    };

    private const string StillSignedIn = "you are still signed in; to delete the local tokens anyway: authmesh logout --forget-only";

    public static Command Define()
    {
        var command = new Command("logout", "End the session at the server, then delete the local tokens") { ForgetOnly };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        using var held = await invocation.Sessions.HoldAsync(cancellation); // so that it deletes the tokens of the session it ended
        var session = held.Require(invocation.Server);
        if (parsed.GetValue(ForgetOnly))
        {
            held.Forget(invocation.Server);
            invocation.Output.Done(
                $"Deleted the local tokens of {session.Username}; the session at {invocation.Server} goes on "
                + $"until {ShownTime.Of(session.EndsAt)}, unless somebody ends it");
            return ExitCode.Ok;
        }

        if (session.ClientId is { } clientId)
        {
            await RevokeAsync(invocation, session, clientId, cancellation);
            held.Forget(invocation.Server);
            invocation.Output.Done("Logged out successfully");
            return ExitCode.Ok;
        }

        var answer = await EndAsync(invocation, session, cancellation);
        held.Forget(invocation.Server);

        invocation.Output.Answer(answer);
        return ExitCode.Ok;
    }

    private static async Task RevokeAsync(
        Invocation invocation, StoredSession session, string clientId, CancellationToken cancellation)
    {
        invocation.WarnIfOthersCanListen();
        var request = ProtocolCall.RequestFor("/revoke", clientId, ("token", session.RefreshToken ?? session.Token));
        try
        {
            var answer = await invocation.Connection.SendAsync(request, cancellation);
            if (answer.Status != 200) // whose body is empty (RFC 7009 §2.2)
            {
                invocation.Accepted(answer, session);
            }
        }
        catch (CommandFailure failure)
        {
            throw failure.With(StillSignedIn);
        }
    }

    // No renewal first: the server ends the session by either token, even by an expired one.
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
            return invocation.Accepted(await invocation.Connection.SendAsync(request, cancellation), session);
        }
        catch (CommandFailure failure) // deleting the tokens would look like a logout while the session goes on
        {
            throw failure.With(StillSignedIn);
        }
    }
}
