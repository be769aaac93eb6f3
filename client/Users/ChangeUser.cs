using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

internal sealed record UserChange(string? Role = null, bool? Disabled = null);

internal static class ChangeUser
{
    private static readonly string[] Roles = ["admin", "user"];

    public static Command DefineRole()
    {
        // Both may be missing, because after --id the first word is the role.
        var role = new Argument<string?>("role") { Description = "admin or user", Arity = ArgumentArity.ZeroOrOne };
        return Define("role", "Change a user's role; the user must sign in again", parsed =>
        {
            var choice = UserChoice.In(parsed);
            var (name, wanted) = choice.Id is not null && parsed.GetValue(role) is null ? (null, choice.Name)
                : (choice.Name, parsed.GetValue(role));
            return Roles.Contains(wanted)
                ? (choice with { Name = name }, new UserChange(Role: wanted))
                : throw CommandFailure.Usage(
                    $"The role must be admin or user{(wanted is null ? "" : $", not {wanted}")}",
                    "authmesh users role NAME admin, or: authmesh users role --id ID admin");
        }, role);
    }

    public static Command DefineDisable() => Define(
        "disable", "Sign a user out everywhere and stop them from signing in",
        parsed => (UserChoice.In(parsed), new UserChange(Disabled: true)));

    public static Command DefineEnable() =>
        Define("enable", "Let a user sign in again", parsed => (UserChoice.In(parsed), new UserChange(Disabled: false)));

    private static Command Define(
        string name, string description, Func<ParseResult, (UserChoice Choice, UserChange Change)> read, params Argument<string?>[] more)
    {
        var command = new Command(name, description);
        UserChoice.AddTo(command);
        foreach (var argument in more)
        {
            command.Add(argument);
        }

        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var (choice, change) = read(parsed);
            var (user, _) = await choice.FindAsync(invocation, parsed, cancellation);
            var request = new Request(HttpMethod.Patch, $"/users/{user.Id}").With(change, ClientJson.Default.UserChange);
            invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, request, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }
}
