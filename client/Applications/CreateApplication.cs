using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Applications;

internal sealed record ApplicationCreation(string ClientId, IReadOnlyList<string> Scopes, string? Name = null);

/// <summary>A secret that is shown once.</summary>
internal sealed record CreatedSecret(string ClientSecret);

internal static class CreateApplication
{
    /// <summary>The application that a command is about.</summary>
    public static readonly Argument<string> ClientId = new("client-id") { Description = "The application's client_id, such as billing" };

    public static readonly Option<string[]> Scopes = new("--scope")
    {
        Description = "What the application may do; repeat it for several",
        HelpName = "SCOPE",
        Required = true,
    };

    private static readonly Option<string?> Name = new("--name")
    {
        Description = "How people call it [default: the client_id]",
        HelpName = "NAME",
    };

    public static Command Define()
    {
        var command = new Command("create", "Create an application, and print its secret once") { ClientId, Scopes, Name };
        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var creation = new ApplicationCreation(
                parsed.GetRequiredValue(ClientId), parsed.GetRequiredValue(Scopes), parsed.GetValue(Name));
            var request = new Request(HttpMethod.Post, "/applications").With(creation, ClientJson.Default.ApplicationCreation);
            return PrintSecret(invocation, await SignedInRequest.SendAsync(invocation, request, cancellation));
        });
        return command;
    }

    /// <summary>Prints a new secret. Only the secret goes to standard output, so that a script can keep it.</summary>
    public static int PrintSecret(Invocation invocation, Answer answer)
    {
        if (invocation.Output.IsJson)
        {
            invocation.Output.Answer(answer);
            return ExitCode.Ok;
        }

        invocation.Output.Line(answer.Read(ClientJson.Default.CreatedSecret).ClientSecret);
        invocation.Output.Note("Copy the secret now: it is not shown again");
        return ExitCode.Ok;
    }
}
