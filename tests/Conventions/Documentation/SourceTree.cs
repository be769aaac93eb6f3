using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>The files of this checkout that people write.</summary>
internal static class SourceTree
{
    private static readonly string[] Products = ["gateway", "identity-service", "resource-service", "service-defaults"];
    private static readonly string[] Dotted = [".ci", ".config", ".github"];

    /// <summary>Paths from the root, with slashes.</summary>
    public static IReadOnlyList<string> Files { get; } = [.. Walk(new DirectoryInfo(Checkout.Root)).Order(StringComparer.Ordinal)];

    /// <summary>The C# of the services, without the generated migrations.</summary>
    public static IEnumerable<(string Path, string Text)> ServiceCode => Files
        .Where(path => path.EndsWith(".cs", StringComparison.Ordinal) && Products.Contains(path.Split('/')[0]) && !IsMigration(path))
        .Select(path => (path, Read(path)));

    public static bool IsMigration(string path) => path.Contains("/Migrations/", StringComparison.Ordinal);

    public static string Read(string path) => File.ReadAllText(Path.Combine(Checkout.Root, path));

    private static IEnumerable<string> Walk(DirectoryInfo folder) => folder.EnumerateFiles()
        .Select(file => Path.GetRelativePath(Checkout.Root, file.FullName).Replace('\\', '/'))
        .Concat(folder.EnumerateDirectories().Where(IsWritten).SelectMany(Walk));

    private static bool IsWritten(DirectoryInfo folder) =>
        folder.Name is not ("bin" or "obj" or "TestResults" or "node_modules") && (folder.Name[0] != '.' || Dotted.Contains(folder.Name));
}
