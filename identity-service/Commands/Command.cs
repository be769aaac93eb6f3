using AuthMesh.Identity.Accounts;
using AuthMesh.Identity.Database;
using AuthMesh.Identity.Keys;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Commands;

/// <summary>
/// What an operator does on the identity service's own machine, with its own settings: <c>dotnet identity-service.dll NAME</c>.
/// </summary>
internal sealed record Command(string Name, string Usage, int Arguments, Func<IServiceProvider, string[], CancellationToken, Task<string>> Work)
{
    private static readonly Command[] All =
    [
        new(DemoUsers.RemoveCommand, DemoUsers.RemoveCommand, 0, RemoveDemoUsersAsync),
        new(RecoverAdmin.CommandName, RecoverAdmin.CommandName + " NAME", 1, RecoverAdmin.RunAsync),
    ];

    private string[] Values { get; init; } = [];

    /// <returns>The command that the arguments name, or null where they hold only settings.</returns>
    public static Command? Find(string[] args)
    {
        var words = args.TakeWhile(word => !word.StartsWith('-')).ToArray();
        if (words.Length == 0)
        {
            return null;
        }

        var command = Array.Find(All, command => command.Name == words[0] && command.Arguments == words.Length - 1);
        return command is not null
            ? command with { Values = words[1..] }
            : new Command("", "", 0, (_, _, _) => throw new StartRefusedException(
                "There is no such command. Commands: " + string.Join(", ", All.Select(command => command.Usage)) + "."));
    }

    /// <summary>Runs the command instead of the service; what it did goes to standard output.</summary>
    public Task<int> RunAsync(WebApplication app) => app.RunCommandAsync(async (services, cancellationToken) =>
    {
        await using var turn = await services.GetRequiredService<PreparationLock>().TakeAsync(cancellationToken);
        await services.GetRequiredService<Migrate>().RunAsync(cancellationToken);
        await services.GetRequiredService<KeyRing>().OpenAsync(services.GetRequiredService<IdentityDb>(), cancellationToken);
        Console.WriteLine(await Work(services, Values, cancellationToken));
    });

    private static async Task<string> RemoveDemoUsersAsync(IServiceProvider services, string[] values, CancellationToken cancellationToken) =>
        $"Removed {await services.GetRequiredService<DemoUsers>().RemoveAsync(cancellationToken)} demo users.";
}
