using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Accounts;

internal sealed record AccountAnswer(
    string Id, string Username, string Role, DateTimeOffset CreatedAt, string? Email = null, string? RequestedEmail = null);

internal static class Account
{
    public static Command Define()
    {
        var command = new Command("account", "Show your account") { DeleteAccount.Define() };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, Request.Get("/account"), cancellation);
        var account = answer.Read(ClientJson.Default.AccountAnswer);
        if (invocation.Output.IsJson)
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        invocation.Output.Line($"name      {account.Username}");
        invocation.Output.Line($"id        {account.Id}");
        if ((account.Email ?? account.RequestedEmail) is { } email)
        {
            invocation.Output.Line($"email     {email}{(account.Email is null ? "   (to be confirmed)" : "")}");
        }

        invocation.Output.Line($"role      {account.Role}");
        invocation.Output.Line($"created   {ShownTime.Of(account.CreatedAt)}");
        invocation.Output.Line($"server    {invocation.Server}");
        return ExitCode.Ok;
    }
}
