using System.CommandLine;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Settings;

namespace AuthMesh.Identity.Operator;

/// <summary>
/// A command that an operator runs on the identity service's own machine, with its settings: <c>identity-service NAME</c>. It runs instead
/// of the service.
/// </summary>
/// <param name="name">The command's name.</param>
/// <param name="description">For the help text.</param>
/// <param name="work">Does the work and returns the text to print.</param>
internal sealed class OperatorCommand(
    string name, string description, Func<IServiceProvider, ParseResult, CancellationToken, Task<string>> work) : Command(name, description)
{
    /// <summary>Whether the work may wait for long. It then runs without the lock that starting replicas wait for.</summary>
    public bool TakesItsTime { get; init; }

    /// <summary>Whether the work needs the database alone. Then only its settings are checked, and no key is opened.</summary>
    public bool NeedsOnlyDatabase { get; init; }

    public Task<int> RunAsync(WebApplication app, ParseResult parsed) => app.RunCommandAsync(
        async (services, cancellationToken) =>
        {
            await using (await services.GetRequiredService<PreparationLock>().TakeAsync(cancellationToken))
            {
                await services.GetRequiredService<ReportDurability>().DemandAsync(cancellationToken);
                await services.GetRequiredService<Migrate>().RunAsync(cancellationToken);
                if (!NeedsOnlyDatabase)
                {
                    await services.GetRequiredService<KeyRing>().OpenAsync(services.GetRequiredService<IdentityDb>(), cancellationToken);
                }

                if (!TakesItsTime)
                {
                    Console.WriteLine(await work(services, parsed, cancellationToken));
                    return;
                }
            }

            Console.WriteLine(await work(services, parsed, cancellationToken));
        },
        NeedsOnlyDatabase ? DatabaseOptions.Section : null);
}
