using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

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
        var answer = await SignedInRequest.SendAsync(invocation, Request.Get("/protected"), cancellation);
        var role = answer.Read(ClientJson.Default.ProtectedAnswer).Role;
        var session = invocation.Sessions.Require(invocation.Server); // after the request, which may have renewed it

        if (invocation.Output.IsJson)
        {
            invocation.Output.Document(
                new WhoAmIDocument("success", session.Username, role, invocation.Server.ToString(), session.EndsAt),
                ClientJson.Default.WhoAmIDocument);
            return ExitCode.Ok;
        }

        invocation.Output.Line($"name      {session.Username}");
        invocation.Output.Line($"role      {role}");
        invocation.Output.Line($"server    {invocation.Server}");
        invocation.Output.Line($"expires   {ShownTime.Of(session.EndsAt)} ({ShownTime.Until(session.EndsAt)})");
        return ExitCode.Ok;
    }
}
