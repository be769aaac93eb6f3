using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.ApiKeys;

/// <summary>Deletes a key by its name or its id. A text in the form of an id is an id.</summary>
internal static class DeleteKey
{
    private static readonly Argument<string> NameOrId = new("key") { Description = "The key's name, or its id" };

    public static Command Define()
    {
        var command = new Command("delete", "Delete a key; every service refuses it within a second") { NameOrId };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var key = await FindAsync(invocation, parsed.GetRequiredValue(NameOrId), cancellation);
        invocation.Output.Answer(
            await SignedInRequest.SendAsync(invocation, Request.Delete($"/account/keys/{key.Id}"), cancellation));
        return ExitCode.Ok;
    }

    private static async Task<ListedKey> FindAsync(Invocation invocation, string wanted, CancellationToken cancellation)
    {
        var isId = Guid.TryParseExact(wanted, "D", out var id);
        var keys = await ListKeys.FetchAsync(invocation, cancellation);
        return keys.Where(key => isId ? Guid.Parse(key.Id) == id : key.Name == wanted).ToList() switch
        {
            [var found] => found,
            [] => throw new CommandFailure(
                ExitCode.Refused, "key_not_found", $"You have no key {wanted}", "authmesh keys shows them"),
            _ => throw CommandFailure.Usage($"Several keys are named {wanted}: give the id", "authmesh keys shows the ids"),
        };
    }
}
