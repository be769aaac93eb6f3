using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.ApiKeys;

internal sealed record ListedKey(
    string Id, string Name, IReadOnlyList<string> Scopes, DateTimeOffset ExpiresAt, DateTimeOffset? LastUsedAt = null);

internal sealed record KeysAnswer(IReadOnlyList<ListedKey?> Keys);

internal static class ListKeys
{
    private static readonly Request List = Request.Get("/account/keys");

    public static Command Define()
    {
        var command = new Command("keys", "Show your keys for scripts") { CreateKey.Define(), DeleteKey.Define() };
        Invocation.On(command, RunAsync);
        return command;
    }

    public static async Task<IReadOnlyList<ListedKey>> FetchAsync(Invocation invocation, CancellationToken cancellation) =>
        Read(await SignedInRequest.SendAsync(invocation, List, cancellation));

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, List, cancellation);
        var keys = Read(answer);
        if (invocation.Output.IsJson || keys is [])
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        Table.Write(invocation.Output, ["name", "scopes", "last used", "expires", "id"], keys.Select(Row));
        return ExitCode.Ok;
    }

    // Only an id may stand in a path.
    private static IReadOnlyList<ListedKey> Read(Answer answer) =>
        [.. answer.Read(ClientJson.Default.KeysAnswer).Keys.OfType<ListedKey>().Where(key => Guid.TryParseExact(key.Id, "D", out _))];

    private static string[] Row(ListedKey key) =>
    [
        key.Name,
        string.Join(' ', key.Scopes),
        key.LastUsedAt is { } used ? ShownTime.Minute(used) : "-",
        ShownTime.Minute(key.ExpiresAt),
        key.Id,
    ];
}
