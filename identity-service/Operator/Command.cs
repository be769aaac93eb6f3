using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Operator;

/// <summary>
/// What an operator does on the identity service's own machine, with its own settings: <c>dotnet identity-service.dll NAME</c>.
/// </summary>
internal sealed record Command(
    string Name, string Usage, int Arguments, Func<IServiceProvider, string[], CancellationToken, Task<string>> Work)
{
    private static readonly Command[] All =
    [
        new(DemoUsers.RemoveCommand, DemoUsers.RemoveCommand, 0, RemoveDemoUsersAsync),
        new(RecoverAdmin.CommandName, RecoverAdmin.CommandName + " NAME", 1, RecoverAdmin.RunAsync),
        new(Rotate.CommandName, Rotate.CommandName, 0, Rotate.RunAsync) { TakesItsTime = true },
        new(Rotate.CommandName, RotateEmergency.CommandName, 0, RotateEmergency.RunAsync) { Option = RotateEmergency.Option },
        new(Reseal.CommandName, Reseal.CommandName, 0, Reseal.RunAsync),
    ];

    /// <summary>The arguments that are settings, as the service takes them too.</summary>
    public string[] Settings { get; private init; } = [];

    private string[] Values { get; init; } = [];

    /// <summary>What follows the name and tells it from another command of that name.</summary>
    private string? Option { get; init; }

    /// <summary>Whether it may wait for long, which replicas that start must not.</summary>
    private bool TakesItsTime { get; init; }

    /// <returns>The command that the arguments name, or null where they hold only settings.</returns>
    public static Command? Find(string[] args)
    {
        var words = args.TakeWhile(word => !word.StartsWith('-')).ToArray();
        if (words.Length == 0)
        {
            return null;
        }

        var rest = args[words.Length..];
        var options = All.Select(command => command.Option).OfType<string>().Where(rest.Contains).ToList();
        var settings = rest.Except(options).ToArray();
        if (FindStray(settings) is { } stray)
        {
            return Refuse($"There is no option {stray}.", settings);
        }

        return Array.Find(
            All, command => command.Name == words[0] && command.Arguments == words.Length - 1
            && command.Option == options.SingleOrDefault())
            is { } command
            ? command with { Values = words[1..], Settings = settings }
            : Refuse("There is no such command.", settings);
    }

    /// <summary>Runs the command instead of the service; what it did goes to standard output.</summary>
    public Task<int> RunAsync(WebApplication app) => app.RunCommandAsync(async (services, cancellationToken) =>
    {
        await using (await services.GetRequiredService<PreparationLock>().TakeAsync(cancellationToken))
        {
            await services.GetRequiredService<Migrate>().RunAsync(cancellationToken);
            await services.GetRequiredService<KeyRing>().OpenAsync(services.GetRequiredService<IdentityDb>(), cancellationToken);
            if (!TakesItsTime)
            {
                Console.WriteLine(await Work(services, Values, cancellationToken));
                return;
            }
        }

        Console.WriteLine(await Work(services, Values, cancellationToken));
    });

    // Configuration would pass over an option that it does not know, and over a mistyped one of ours: the command that ran would be
    // another than the one that was meant.
    private static string? FindStray(string[] settings)
    {
        for (var i = 0; i < settings.Length; i++)
        {
            var name = settings[i].Split('=')[0];
            var hasValue = settings[i].Contains('=', StringComparison.Ordinal)
                || (i + 1 < settings.Length && !settings[i + 1].StartsWith("--", StringComparison.Ordinal));
            if (!hasValue || Array.Exists(All, command => command.Option == name))
            {
                return settings[i];
            }

            if (!settings[i].Contains('=', StringComparison.Ordinal))
            {
                i++; // its value
            }
        }

        return null;
    }

    private static Command Refuse(string reason, string[] settings) => new("", "", 0, (_, _, _) => throw new StartRefusedException(
        $"{reason} Commands: {string.Join(", ", All.Select(command => command.Usage))}."))
    {
        Settings = settings,
    };

    private static async Task<string> RemoveDemoUsersAsync(
        IServiceProvider services, string[] values, CancellationToken cancellationToken) =>
        $"Removed {await services.GetRequiredService<DemoUsers>().RemoveAsync(cancellationToken)} demo users.";
}
