namespace AuthMesh.OpenApi;

internal static class Repository
{
    /// <summary>The folder that holds the solution.</summary>
    public static string Root { get; } = FindRoot();

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "AuthMesh.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException($"No AuthMesh.sln above {AppContext.BaseDirectory}");
        }

        return folder.FullName;
    }
}
