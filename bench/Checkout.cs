namespace AuthMesh.Bench;

/// <summary>Finds the programs that were built together with this one.</summary>
internal static class Checkout
{
    // bench/bin/Release/net10.0
    private static readonly DirectoryInfo Output = new(Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory));

    /// <param name="project">The project's folder, relative to the checkout's root.</param>
    public static string Dll(string project) => Path.Combine(
        Output.Parent!.Parent!.Parent!.Parent!.FullName, project, "bin", Output.Parent.Name, Output.Name,
        Path.GetFileName(project) + ".dll");
}
