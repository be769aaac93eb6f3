using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;

namespace AuthMesh.Client.Accounts;

internal sealed record WhoAmIDocument(string Status, string Username, string Role, string Server, DateTimeOffset ExpiresAt);

internal static class WhoAmI
{
    public static Command Define()
    {
        var command = new Command("whoami", "Show who is signed in, as the server confirms it, and until when");
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var session = invocation.Sessions.Require(invocation.Server);
        var answer = await SignedInRequest.GetAsync(invocation, "/protected", cancellation);
        var role = answer.Read(ClientJson.Default.ProtectedAnswer).Role;

        if (invocation.Output.IsJson)
        {
            invocation.Output.Document(
                new WhoAmIDocument("success", session.Username, role, invocation.Server.ToString(), session.ExpiresAt),
                ClientJson.Default.WhoAmIDocument);
            return ExitCode.Ok;
        }

        var left = session.ExpiresAt - TimeProvider.System.GetUtcNow();
        var wait = left > TimeSpan.Zero ? $"in {Math.Ceiling(left.TotalMinutes):0} min" : "past by this machine's clock";
        invocation.Output.Line($"name      {session.Username}");
        invocation.Output.Line($"role      {role}");
        invocation.Output.Line($"server    {invocation.Server}");
        invocation.Output.Line($"expires   {session.ShownExpiry} ({wait})");
        return ExitCode.Ok;
    }
}
