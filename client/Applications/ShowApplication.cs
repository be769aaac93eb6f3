using System.CommandLine;
using System.Text.Json;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Applications;

/// <summary>The application as the server describes it, for a program.</summary>
internal sealed record ShownApplicationDocument(string Status, string Message, JsonElement Application);

internal static class ShowApplication
{
    public static Command Define()
    {
        var command = new Command("show", "Show one application") { CreateApplication.ClientId };
        Invocation.On(command, RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation)
    {
        var (application, element) = await ListApplications.FindWithElementAsync(
            invocation, parsed.GetRequiredValue(CreateApplication.ClientId), cancellation);
        if (invocation.Output.IsJson)
        {
            invocation.Output.Document(
                new ShownApplicationDocument("success", $"Application {application.ClientId}", element),
                ClientJson.Default.ShownApplicationDocument);
            return ExitCode.Ok;
        }

        (string Title, IEnumerable<string?> Lines)[] rows =
        [
            ("client id", [application.ClientId]),
            ("id", [application.Id]),
            ("name", [application.Name]),
            ("kind", [application.Kind + (application.FirstParty ? ", first party" : "")]),
            ("state", [ListApplications.StateOf(application)]),
            ("grants", [string.Join(' ', application.Grants)]),
            ("scopes", [string.Join(' ', application.Scopes)]),
            ("audiences", application.Audiences),
            ("redirects", application.RedirectUris),
            ("sign-out", application.PostLogoutRedirectUris),
            ("back-channel", [application.BackchannelLogoutUri]),
            ("consent", [application.Kind == "service" ? null : application.RequireConsent ? "asked" : "not asked"]),
            ("requests", [application.RequirePushedRequests ? "pushed only" : null]),
            ("keys", application.Jwks?.Keys.Select(key => key?.Kid) ?? []),
            ("secrets", application.Secrets.Select(secret => $"{secret.Id}, created {ShownTime.Minute(secret.CreatedAt)}")),
            ("created", [ShownTime.Of(application.CreatedAt)]),
            ("last used", [application.LastUsedAt is { } used ? ShownTime.Of(used) : null]),
        ];
        foreach (var (title, lines) in rows)
        {
            foreach (var (i, line) in lines.OfType<string>().Index())
            {
                invocation.Output.Line($"{(i == 0 ? title : ""),-14} {line}");
            }
        }

        return ExitCode.Ok;
    }
}
