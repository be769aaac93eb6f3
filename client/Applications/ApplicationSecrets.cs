using System.CommandLine;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Guarded;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Applications;

internal sealed record SecretsDocument(string Status, string Message, IReadOnlyList<ListedSecret> Secrets);

/// <summary>Shows, adds and removes secrets. To change one without a gap: add, deploy, remove the older one.</summary>
internal static class ApplicationSecrets
{
    private static readonly Argument<string> SecretId = new("secret-id") { Description = "The secret's id" };

    private static readonly Option<bool> Leaked = new("--leaked")
    {
        Description = "End the application's tokens as well",
        Arity = ArgumentArity.Zero,
    };

    public static Command Define()
    {
        var command = new Command("secrets", "Show the ids of an application's secrets") { CreateApplication.ClientId };
        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var application = await FindAsync(invocation, parsed, cancellation);
            if (invocation.Output.IsJson)
            {
                var secrets = application.Secrets;
                invocation.Output.Document(
                    new SecretsDocument("success", secrets.Count == 1 ? "1 secret" : $"{secrets.Count} secrets", secrets),
                    ClientJson.Default.SecretsDocument);
                return ExitCode.Ok;
            }

            Table.Write(
                invocation.Output, ["id", "created"],
                application.Secrets.Select(secret => new[] { secret.Id, ShownTime.Minute(secret.CreatedAt) }));
            return ExitCode.Ok;
        });
        return command;
    }

    public static Command DefineAdd()
    {
        var command = new Command("add-secret", "Add a second secret, and print it once") { CreateApplication.ClientId };
        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var application = await FindAsync(invocation, parsed, cancellation);
            var request = new Request(HttpMethod.Post, $"/applications/{application.Id}/secrets");
            return CreateApplication.PrintSecret(invocation, await SignedInRequest.SendAsync(invocation, request, cancellation));
        });
        return command;
    }

    public static Command DefineRemove()
    {
        var command = new Command("remove-secret", "Remove a secret") { CreateApplication.ClientId, SecretId, Leaked };
        Invocation.On(command, async (invocation, parsed, cancellation) =>
        {
            var application = await FindAsync(invocation, parsed, cancellation);
            var wanted = parsed.GetRequiredValue(SecretId);
            if (!Guid.TryParseExact(wanted, "D", out var id)) // only an id may stand in a path
            {
                throw CommandFailure.Usage($"{wanted} is not the id of a secret", "authmesh applications secrets CLIENT-ID shows them");
            }

            var leaked = parsed.GetValue(Leaked) ? "?leaked=true" : "";
            invocation.Output.Answer(await SignedInRequest.SendAsync(
                invocation, Request.Delete($"/applications/{application.Id}/secrets/{id}{leaked}"), cancellation));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Task<ListedApplication> FindAsync(Invocation invocation, ParseResult parsed, CancellationToken cancellation) =>
        ListApplications.FindAsync(invocation, parsed.GetRequiredValue(CreateApplication.ClientId), cancellation);
}
