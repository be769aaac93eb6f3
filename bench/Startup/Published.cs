using AuthMesh.Bench.Comparison;

namespace AuthMesh.Bench.Startup;

/// <param name="Name">For people.</param>
/// <param name="Folder">The folder with one subfolder for each service; null means this checkout's last build.</param>
internal sealed record Published(string Name, string? Folder)
{
    /// <summary>Every form in which bench/run.sh published the services; without it, the last build.</summary>
    public static IReadOnlyList<Published> All { get; } = Environment.GetEnvironmentVariable("AUTHMESH_PUBLISHED") is { Length: > 0 } folder
        ? [new("as the images hold them", Path.GetFullPath(Path.Combine(folder, "default"))),
            new("gateway and resource service native", Path.GetFullPath(Path.Combine(folder, "native")))]
        : [new("as built", null)];

    /// <summary>Measures each published form.</summary>
    public static async Task<IReadOnlyList<Row>> EachAsync(Func<Published, Task<Row>> measureAsync)
    {
        var rows = new List<Row>();
        foreach (var published in All)
        {
            rows.Add(await measureAsync(published));
        }

        return rows;
    }
}
