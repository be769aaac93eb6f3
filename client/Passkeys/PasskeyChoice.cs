using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Passkeys;

internal sealed record ListedPasskey(
    string Id, string Name, DateTimeOffset CreatedAt, DateTimeOffset? LastUsedAt = null, bool BackedUp = false);

internal sealed record PasskeysAnswer(IReadOnlyList<ListedPasskey?> Passkeys);

/// <summary>The passkey that a command acts on, by its name or its id. A text in the form of an id is an id.</summary>
internal static class PasskeyChoice
{
    private static readonly Argument<string> NameOrId = new("passkey") { Description = "The passkey's name, or its id" };

    public static void AddTo(Command command) => command.Add(NameOrId);

    public static async Task<ListedPasskey> FindAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var wanted = parsed.GetRequiredValue(NameOrId);
        var isId = Guid.TryParseExact(wanted, "D", out var id);
        var passkeys = await ListPasskeys.FetchAsync(invocation, cancellation);
        return passkeys.Where(passkey => isId ? Guid.Parse(passkey.Id) == id : passkey.Name == wanted).ToList() switch
        {
            [var found] => found,
            [] => throw new CommandFailure(
                ExitCode.Refused, "passkey_not_found", $"You have no passkey {wanted}", "authmesh passkeys shows them"),
            _ => throw CommandFailure.Usage($"Several passkeys are named {wanted}: give the id", "authmesh passkeys shows the ids"),
        };
    }
}
