using System.Reflection;
using System.Runtime.InteropServices;

namespace AuthMesh.Tests.Harness;

/// <summary>Where the programs lie that tests start as a person would.</summary>
public static class Checkout
{
    public static string Root { get; } = FindRoot();

    /// <summary>The runtime that the tests run on, however they were started.</summary>
    public static string DotNet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    /// <summary>A built program in its project's own output folder.</summary>
    public static string Dll(string project, string? assembly = null) =>
        Path.Combine(Root, project, "bin", Configuration, "net10.0", $"{assembly ?? project}.dll");

    private static string Configuration => typeof(Checkout).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;

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
