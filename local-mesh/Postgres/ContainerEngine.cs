using System.Diagnostics;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>The `docker` command line.</summary>
internal static class ContainerEngine
{
    internal static async Task<bool> AnswersAsync() => (await TryAsync("version", "--format", "{{.Server.Version}}")).Succeeded;

    internal static Task<CommandResult> TryAsync(params string[] arguments) => Command.RunAsync(["docker", .. arguments]);

    /// <summary>Stops the container, if it exists, and waits until its name is free again.</summary>
    internal static async Task RemoveAsync(string container)
    {
        await TryAsync("stop", "-t", "30", container);
        await TryAsync("rm", "--force", container);
        var waited = Stopwatch.StartNew();
        while ((await TryAsync("container", "inspect", container)).Succeeded && waited.Elapsed < TimeSpan.FromSeconds(10))
        {
            await Task.Delay(100);
        }
    }
}
