using System.CommandLine;
using System.Globalization;
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

        string[] titles = ["", "device", "network", "signed in", "last used", "id"];
        string[][] rows = [titles, .. sessions.OfType<ListedSession>().Select(Row)];
        var widths = titles.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            var cells = row.Select((cell, column) => cell.PadRight(widths[column]));
            invocation.Output.Line(string.Join("  ", cells).TrimEnd(), row == titles ? Colour.Dim : null);
        }

        return ExitCode.Ok;
    }

    private static string[] Row(ListedSession session) =>
    [
        session.Current ? "this one" : "",
        SafeText.Escape(session.Device ?? "-"), // before it is measured
        SafeText.Escape(session.Network ?? "-"),
        Minute(session.CreatedAt),
        Minute(session.LastUsedAt),
        SafeText.Escape(session.Id),
    ];

    private static string Minute(DateTimeOffset moment) => moment.ToLocalTime().ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
}
