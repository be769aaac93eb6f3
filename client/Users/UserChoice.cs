using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

/// <summary>
/// The user that a command acts on, by name or by id. The caller says which of the two it is, and the client never guesses: older servers
/// let people register names in the form of an id.
/// </summary>
internal sealed record UserChoice(string? Name, string? Id)
{
    private static readonly Argument<string?> NameArgument = new(
        "name")
    { Description = "The user's name", Arity = ArgumentArity.ZeroOrOne };

    private static readonly Option<string?> IdOption = new("--id") { Description = "The user's id, in place of the name", HelpName = "ID" };

    public static void AddTo(Command command)
    {
        command.Add(NameArgument);
        command.Add(IdOption);
    }

    public static UserChoice In(ParseResult parsed) => new(parsed.GetValue(NameArgument), parsed.GetValue(IdOption));

    /// <summary>The arguments that name the same user again, for a hint.</summary>
    public override string ToString() => Id is null ? Name ?? "NAME" : $"--id {Id}";

    /// <summary>Fetches the user from the server, so that a command that changes something knows its user.</summary>
    public async Task<(ListedUser User, Answer Answer)> FindAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var command = HelpFooter.CommandPath(parsed);
        var id = (Name, Id) switch
        {
            (null, null) => throw CommandFailure.Usage("Which user? Give the name, or --id and the id", $"{command} --help"),
            (not null, not null) => throw CommandFailure.Usage("Give the name or --id, not both", $"{command} --help"),
            (not null, _) => await FindIdAsync(invocation, Name, command, cancellation),
            _ => Guid.TryParse(Id, out var given) ? given
            : throw CommandFailure.Usage($"{Id} is not an id", "authmesh users shows the ids"),
        };

        var answer = await SignedInRequest.SendAsync(invocation, Request.Get($"/users/{id}"), cancellation);
        var user = answer.Read(ClientJson.Default.UserAnswer).User;
        return Guid.TryParseExact(user.Id, "D", out var answered) && answered == id
            ? (user, answer)
            : throw CommandFailure.Unexpected("The server returned another user", Answer.WrongServerHint);
    }

    private static async Task<Guid> FindIdAsync(Invocation invocation, string name, string command, CancellationToken cancellation)
    {
        // Of all names that begin with this text, the name itself comes first.
        var answer = await SignedInRequest.SendAsync(
            invocation, Request.Get($"/users?limit=1&search={Uri.EscapeDataString(name)}"), cancellation);
        if (answer.Read(ClientJson.Default.UsersAnswer).Users is [{ } first, ..]
            && first.Username.Equals(name, StringComparison.OrdinalIgnoreCase)
            && Guid.TryParseExact(first.Id, "D", out var id)) // only an id may stand in a path
        {
            return id;
        }

        throw new CommandFailure(
            ExitCode.Refused, "not_found", $"No user is named {name}",
            Guid.TryParse(name, out _) ? $"if this is an id: {command} --id {name}"
            : "authmesh users --search TEXT shows names that begin with TEXT");
    }
}
