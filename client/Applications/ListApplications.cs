using System.CommandLine;
using System.Text.Json;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Applications;

internal sealed record ListedSecret(string Id, DateTimeOffset CreatedAt);

internal sealed record ListedClientKey(string Kid);

internal sealed record ListedClientKeys(IReadOnlyList<ListedClientKey?> Keys);

internal sealed record ListedApplication(
    string Id, string ClientId, string Kind, string Name, bool FirstParty, IReadOnlyList<string> Grants, IReadOnlyList<string> Scopes,
    IReadOnlyList<string> RedirectUris, IReadOnlyList<string> PostLogoutRedirectUris, IReadOnlyList<string> Audiences, bool RequireConsent,
    bool RequirePushedRequests, bool Declared, bool Disabled, DateTimeOffset CreatedAt, IReadOnlyList<ListedSecret> Secrets,
    string? BackchannelLogoutUri = null, ListedClientKeys? Jwks = null, DateTimeOffset? LastUsedAt = null);

internal sealed record ApplicationsAnswer(IReadOnlyList<ListedApplication?> Applications);

internal static class ListApplications
{
    private static readonly Request List = Request.Get("/applications");

    public static Command Define()
    {
        var command = new Command("applications", "List and change applications, which act for users or in their own name; for admins")
        {
            ShowApplication.Define(), CreateApplication.Define(), ChangeApplication.Define(), ChangeApplication.DefineScopes(),
            ChangeApplication.DefineDisable(), ChangeApplication.DefineEnable(), ApplicationSecrets.Define(),
            ApplicationSecrets.DefineAdd(), ApplicationSecrets.DefineRemove(), DeleteApplication.Define(),
        };
        Invocation.On(command, RunAsync);
        return command;
    }

    /// <summary>Finds an application by its client_id, which is unique.</summary>
    public static async Task<ListedApplication> FindAsync(Invocation invocation, string clientId, CancellationToken cancellation) =>
        (await FindWithElementAsync(invocation, clientId, cancellation)).Application;

    /// <summary>The same, with the server's own words about it.</summary>
    public static async Task<(ListedApplication Application, JsonElement Element)> FindWithElementAsync(
        Invocation invocation, string clientId, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, List, cancellation);
        var application = Read(answer).FirstOrDefault(found => found.ClientId == clientId)
            ?? throw new CommandFailure(
                ExitCode.Refused, "application_not_found", $"No application has the client_id {clientId}",
                "authmesh applications shows them");
        return (application, answer.Body!.Value.GetProperty("applications").EnumerateArray().First(
            element => element.ValueKind == JsonValueKind.Object && element.GetProperty("id").GetString() == application.Id));
    }

    /// <summary>Whether it gets tokens, and whether admins manage it.</summary>
    public static string StateOf(ListedApplication application) =>
        (application.Disabled ? "disabled" : "active") + (application.Declared ? ", declared in a file" : "");

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var answer = await SignedInRequest.SendAsync(invocation, List, cancellation);
        var applications = Read(answer);
        if (invocation.Output.IsJson || applications is [])
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        Table.Write(invocation.Output, ["client id", "kind", "name", "scopes", "state", "last used"], applications.Select(Row));
        return ExitCode.Ok;
    }

    // Only an id may stand in a path.
    private static IReadOnlyList<ListedApplication> Read(Answer answer) =>
        [.. answer.Read(ClientJson.Default.ApplicationsAnswer).Applications.OfType<ListedApplication>()
            .Where(application => Guid.TryParseExact(application.Id, "D", out _))];

    private static string[] Row(ListedApplication application) =>
    [
        application.ClientId,
        application.Kind,
        application.Name,
        string.Join(' ', application.Scopes),
        StateOf(application),
        application.LastUsedAt is { } used ? ShownTime.Minute(used) : "-",
    ];
}
