using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.ApiKeys;

internal sealed record KeyCreation(string Name, IReadOnlyList<string> Scopes, int? ExpiresInDays = null);

internal sealed record CreatedKey(string Key);

internal static class CreateKey
{
    private static readonly Argument<string> Name = new("name") { Description = "What the key is for, such as nightly-backup" };

    private static readonly Option<string[]> Scopes = new("--scope")
    {
        Description = "What the key may do; repeat it for several. mesh acts as you in every service",
        HelpName = "SCOPE",
        Required = true,
    };

    private static readonly Option<int?> Days = new("--days")
    {
        Description = "When the key expires [default: 90]",
        HelpName = "DAYS",
    };

    public static Command Define()
    {
        var command = new Command("create", "Create a key, and print it once") { Name, Scopes, Days };
        Invocation.On(command, RunAsync);
        return command;
    }

    // Only the key goes to standard output, so that a script can keep it.
    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var creation = new KeyCreation(parsed.GetRequiredValue(Name), parsed.GetRequiredValue(Scopes), parsed.GetValue(Days));
        var request = new Request(HttpMethod.Post, "/account/keys").With(creation, ClientJson.Default.KeyCreation);
        var answer = await SignedInRequest.SendAsync(invocation, request, cancellation);
        if (invocation.Output.IsJson)
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        invocation.Output.Line(answer.Read(ClientJson.Default.CreatedKey).Key);
        invocation.Output.Note("Copy the key now: it is not shown again");
        return ExitCode.Ok;
    }
}
