using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Applications;

/// <summary>A secret that is shown once; null if the application keeps none.</summary>
internal sealed record CreatedSecret(string? ClientSecret = null);

internal static class CreateApplication
{
    /// <summary>The application that a command is about.</summary>
    public static readonly Argument<string> ClientId = new("client-id") { Description = "The application's client_id, such as billing" };

    public static Command Define()
    {
        var command = new Command("create", "Create an application, and print its secret once if it keeps one") { ClientId };
        SettingOptions.AddToCreate(command);
        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var settings = SettingOptions.Read(parsed) with
            {
                ClientId = parsed.GetRequiredValue(ClientId),
                Kind = parsed.GetValue(SettingOptions.Kind),
            };
            var request = new Request(HttpMethod.Post, "/applications").With(settings, ClientJson.Default.ApplicationSettings);
            return PrintSecret(invocation, await SignedInRequest.SendAsync(invocation, request, cancellation));
        });
        return command;
    }

    /// <summary>Prints a new secret. Only the secret goes to standard output, so that a script can keep it.</summary>
    public static int PrintSecret(Invocation invocation, Answer answer)
    {
        if (invocation.Output.IsJson || answer.Read(ClientJson.Default.CreatedSecret).ClientSecret is not { } secret)
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        invocation.Output.Line(secret);
        invocation.Output.Note("Copy the secret now: it is not shown again");
        return ExitCode.Ok;
    }
}
