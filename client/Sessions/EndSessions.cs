using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Sessions;

internal static class EndSessions
{
    private static readonly Argument<string?> Id = new("id")
    {
        Description = "The id of the session to end, as the list shows it",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> Others = new("--others")
    {
        Description = "End all sessions but the one of this client",
        Arity = ArgumentArity.Zero,
    };

    public static Command Define()
    {
        var command = new Command("end", "End one session, or all others") { Id, Others };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var path = PathFor(parsed.GetValue(Id), parsed.GetValue(Others));
        invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, Request.Delete(path), cancellation));
        return ExitCode.Ok;
    }

    private static string PathFor(string? id, bool others) => (id, others) switch
    {
        (null, true) => "/account/sessions",
        // Only an id may stand in the path: ".." would be the account, and an empty text would be all sessions.
        (not null, false) when Guid.TryParseExact(id, "D", out var session) => $"/account/sessions/{session}",
        (not null, false) => throw CommandFailure.Usage($"'{id}' is not the id of a session", "authmesh sessions shows them"),
        _ => throw CommandFailure.Usage(
            "Which session is to end?", "authmesh sessions end ID, or authmesh sessions end --others; authmesh sessions shows them"),
    };
}
