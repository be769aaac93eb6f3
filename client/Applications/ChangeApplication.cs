using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Applications;

internal sealed record ApplicationChange(IReadOnlyList<string>? Scopes = null, bool? Disabled = null);

internal static class ChangeApplication
{
    public static Command DefineScopes() => Define(
        "scopes", "Give an application other scopes; its tokens end", parsed => new(parsed.GetRequiredValue(CreateApplication.Scopes)),
        CreateApplication.Scopes);

    public static Command DefineDisable() => Define(
        "disable", "End an application's tokens and give it no others", _ => new(Disabled: true));

    public static Command DefineEnable() => Define("enable", "Give an application tokens again", _ => new(Disabled: false));

    private static Command Define(string name, string description, Func<ParseResult, ApplicationChange> read, params Option[] options)
    {
        var command = new Command(name, description) { CreateApplication.ClientId };
        foreach (var option in options)
        {
            command.Add(option);
        }

        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var application = await ListApplications.FindAsync(
                invocation, parsed.GetRequiredValue(CreateApplication.ClientId), cancellation);
            var request = new Request(HttpMethod.Patch, $"/applications/{application.Id}")
                .With(read(parsed), ClientJson.Default.ApplicationChange);
            invocation.Output.Answer(await SignedInRequest.SendAsync(invocation, request, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }
}
