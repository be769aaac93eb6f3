using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Passkeys;

internal static class ListPasskeys
{
    private static readonly Request List = Request.Get("/account/passkeys");

    public static Command Define()
    {
        var command = new Command("passkeys", "Show your passkeys; a browser adds them") { RenamePasskey.Define(), RemovePasskey.Define() };
        Invocation.On(command, RunAsync);
        return command;
    }

    public static async Task<IReadOnlyList<ListedPasskey>> FetchAsync(Invocation invocation, CancellationToken cancellation) =>
        Read(await SignedInRequest.SendAsync(invocation, List, cancellation));

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, List, cancellation);
        var passkeys = Read(answer);
        if (invocation.Output.IsJson || passkeys is [])
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        Table.Write(invocation.Output, ["name", "added", "last used", "synced", "id"], passkeys.Select(Row));
        return ExitCode.Ok;
    }

    // Only an id may stand in a path.
    private static IReadOnlyList<ListedPasskey> Read(Answer answer) =>
        [.. answer.Read(ClientJson.Default.PasskeysAnswer).Passkeys.OfType<ListedPasskey>()
            .Where(passkey => Guid.TryParseExact(passkey.Id, "D", out _))];

    private static string[] Row(ListedPasskey passkey) =>
    [
        passkey.Name,
        ShownTime.Minute(passkey.CreatedAt),
        passkey.LastUsedAt is { } used ? ShownTime.Minute(used) : "-",
        passkey.BackedUp ? "yes" : "no",
        passkey.Id,
    ];
}
