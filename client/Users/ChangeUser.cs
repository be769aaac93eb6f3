using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

internal sealed record UserChange(string? Role = null, bool? Disabled = null);

internal static class ChangeUser
{
    private static readonly Argument<string> NameOrId = UserArgument.Define();

    public static Command DefineRole()
    {
        var role = new Argument<string>("role") { Description = "admin or user" };
        role.AcceptOnlyFromAmong("admin", "user");
        return Define("role", "Give a user a role; they sign in anew", parsed => new UserChange(Role: parsed.GetValue(role)), role);
    }

    public static Command DefineDisable() =>
        Define("disable", "Sign a user out everywhere and keep them from signing in", _ => new UserChange(Disabled: true));

    public static Command DefineEnable() => Define("enable", "Let a user sign in again", _ => new UserChange(Disabled: false));

    private static Command Define(string name, string description, Func<ParseResult, UserChange> read, params Argument<string>[] more)
    {
        var command = new Command(name, description) { NameOrId };
        foreach (var argument in more)
        {
            command.Add(argument);
        }

        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var (user, _) = await UserArgument.FindAsync(invocation, parsed.GetValue(NameOrId)!, cancellation);
            var request = new Request(HttpMethod.Patch, $"/users/{user.Id}").With(read(parsed), ClientJson.Default.UserChange);
            invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, request, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }
}
