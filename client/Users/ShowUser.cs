using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Users;

internal static class ShowUser
{
    public static Command Define()
    {
        var command = new Command("show", "Show one user");
        UserChoice.AddTo(command);
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var (user, answer) = await UserChoice.In(parsed).FindAsync(invocation, parsed, cancellation);
        if (invocation.Output.IsJson)
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        var since = user.DisabledAt is { } disabledAt ? $" since {ShownTime.Of(disabledAt)}" : "";
        invocation.Output.Line($"name      {user.Username}{(user.Demo ? "   (a demo user with a public password)" : "")}");
        invocation.Output.Line($"id        {user.Id}");
        if (user.Email is not null)
        {
            invocation.Output.Line($"email     {user.Email}");
        }

        invocation.Output.Line($"role      {user.Role}");
        invocation.Output.Line($"state     {(user.Disabled ? "disabled" + since : "active")}");
        invocation.Output.Line($"created   {ShownTime.Of(user.CreatedAt)}");
        invocation.Output.Line(
            $"sessions  {user.Sessions}{(user.LastUsedAt is { } lastUsed ? $", last used {ShownTime.Of(lastUsed)}" : "")}");
        if (user.ApplicationSessions > 0)
        {
            invocation.Output.Line($"at applications  {user.ApplicationSessions}");
        }

        return ExitCode.Ok;
    }
}
