using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Applications;

internal static class ChangeApplication
{
    private static readonly Option<string[]> Scopes = new("--scope")
    {
        Description = "What the application may do; repeat it for several",
        HelpName = "SCOPE",
        Required = true,
    };

    public static Command Define()
    {
        var command = Define(
            "change", "Change an application's settings; if that takes something away, its tokens end", SettingOptions.ReadChange);
        SettingOptions.AddToChange(command);
        return command;
    }

    public static Command DefineScopes()
    {
        var command = Define(
            "scopes", "Give an application other scopes; its tokens end", parsed => new(Scopes: parsed.GetRequiredValue(Scopes)));
        command.Add(Scopes);
        return command;
    }

    public static Command DefineDisable() => Define(
        "disable", "End an application's tokens and give it no others", _ => new(Disabled: true));

    public static Command DefineEnable() => Define("enable", "Give an application tokens again", _ => new(Disabled: false));

    private static Command Define(string name, string description, Func<ParseResult, ApplicationSettings> read)
    {
        var command = new Command(name, description) { CreateApplication.ClientId };
        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var settings = read(parsed);
            var application = await ListApplications.FindAsync(
                invocation, parsed.GetRequiredValue(CreateApplication.ClientId), cancellation);
            var request = new Request(HttpMethod.Patch, $"/applications/{application.Id}")
                .With(settings, ClientJson.Default.ApplicationSettings);
            invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, request, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }
}
