using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Applications;

internal sealed record ListedSecret(string Id, DateTimeOffset CreatedAt);

internal sealed record ListedApplication(
    string Id, string ClientId, string Name, IReadOnlyList<string> Scopes, bool Disabled, IReadOnlyList<ListedSecret> Secrets,
    DateTimeOffset? LastUsedAt = null);

internal sealed record ApplicationsAnswer(IReadOnlyList<ListedApplication?> Applications);

internal static class ListApplications
{
    private static readonly Request List = Request.Get("/applications");

    public static Command Define()
    {
        var command = new Command("applications", "List and change applications, which call services in their own name; for admins")
        {
            CreateApplication.Define(), ChangeApplication.DefineScopes(), ChangeApplication.DefineDisable(),
            ChangeApplication.DefineEnable(), ApplicationSecrets.Define(), ApplicationSecrets.DefineAdd(),
            ApplicationSecrets.DefineRemove(), DeleteApplication.Define(),
        };
        Invocation.On(command, RunAsync);
        return command;
    }

    /// <summary>Finds an application by its client_id, which is unique.</summary>
    public static async Task<ListedApplication> FindAsync(Invocation invocation, string clientId, CancellationToken cancellation) =>
        Read(await SignedInRequest.SendAsync(invocation, List, cancellation)).FirstOrDefault(found => found.ClientId == clientId)
        ?? throw new CommandFailure(
            ExitCode.Refused, "application_not_found", $"No application has the client_id {clientId}", "authmesh applications shows them");

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, List, cancellation);
        var applications = Read(answer);
        if (invocation.Output.IsJson || applications is [])
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        Table.Write(invocation.Output, ["client id", "name", "scopes", "state", "last used"], applications.Select(Row));
        return ExitCode.Ok;
    }

    // Only an id may stand in a path.
    private static IReadOnlyList<ListedApplication> Read(Answer answer) =>
        [.. answer.Read(ClientJson.Default.ApplicationsAnswer).Applications.OfType<ListedApplication>()
            .Where(application => Guid.TryParseExact(application.Id, "D", out _))];

    private static string[] Row(ListedApplication application) =>
    [
        application.ClientId,
        application.Name,
        string.Join(' ', application.Scopes),
        application.Disabled ? "disabled" : "active",
        application.LastUsedAt is { } used ? ShownTime.Minute(used) : "-",
    ];
}
