using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Sessions;

internal sealed record ListedSession(
    string Id, string? Device, string? Network, DateTimeOffset CreatedAt, DateTimeOffset LastUsedAt, bool Current);

internal sealed record SessionsAnswer(IReadOnlyList<ListedSession?> Sessions);

internal static class ListSessions
{
    public static Command Define()
    {
        var command = new Command("sessions", "Show where you are signed in") { EndSessions.Define() };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, Request.Get("/account/sessions"), cancellation);
        var sessions = answer.Read(ClientJson.Default.SessionsAnswer).Sessions;
        if (invocation.Output.IsJson)
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        Table.Write(
            invocation.Output, ["", "device", "network", "signed in", "last used", "id"], sessions.OfType<ListedSession>().Select(Row));
        return ExitCode.Ok;
    }

    private static string[] Row(ListedSession session) =>
    [
        session.Current ? "this one" : "",
        session.Device ?? "-",
        session.Network ?? "-",
        ShownTime.Minute(session.CreatedAt),
        ShownTime.Minute(session.LastUsedAt),
        session.Id,
    ];
}
