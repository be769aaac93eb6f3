using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Users;

internal sealed record ListedUser(
    string Id, string Username, string Role, bool Disabled, DateTimeOffset CreatedAt, int Sessions,
    DateTimeOffset? DisabledAt = null, DateTimeOffset? LastUsedAt = null, bool Demo = false);

internal sealed record UsersAnswer(IReadOnlyList<ListedUser?> Users, string? Next = null);

internal sealed record UserAnswer(ListedUser User);

/// <summary>The one user whom a command is about.</summary>
internal static class UserArgument
{
    public static Argument<string> Define() => new("name-or-id") { Description = "Of the user. What has the form of an id is one" };

    /// <summary>Asks the server for the user, so that a command that changes something knows whom it means.</summary>
    public static async Task<(ListedUser User, Answer Answer)> FindAsync(Invocation invocation, string nameOrId, CancellationToken cancellation)
    {
        if (!Guid.TryParseExact(nameOrId, "D", out var id))
        {
            // Of all names that begin like this, the name itself comes first.
            var path = $"/users?limit=1&search={Uri.EscapeDataString(nameOrId)}";
            var found = (await SignedInRequest.SendAsync(invocation, Request.Get(path), cancellation)).Read(ClientJson.Default.UsersAnswer).Users;
            if (found is not [{ } first, ..] || !first.Username.Equals(nameOrId, StringComparison.OrdinalIgnoreCase)
                || !Guid.TryParseExact(first.Id, "D", out id)) // nothing but an id may stand in a path
            {
                throw new CommandFailure(
                    ExitCode.Refused, "not_found", $"There is no user {nameOrId}", "authmesh users --search TEXT shows those that begin like this");
            }
        }

        var answer = await SignedInRequest.SendAsync(invocation, Request.Get($"/users/{id}"), cancellation);
        var user = answer.Read(ClientJson.Default.UserAnswer).User;
        return Guid.TryParseExact(user.Id, "D", out var answered) && answered == id
            ? (user, answer)
            : throw CommandFailure.Unexpected("The server answered about another user", Answer.WrongServerHint);
    }
}
