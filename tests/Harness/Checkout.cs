using System.Reflection;
using System.Runtime.InteropServices;

namespace AuthMesh.Tests.Harness;

/// <summary>The paths of the programs that tests start as a user would.</summary>
public static class Checkout
{
    public static string Root { get; } = FindRoot();

    /// <summary>The dotnet host that runs the tests, however they were started.</summary>
    public static string DotNet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    /// <summary>As the tests were built, so were the programs.</summary>
    public static string Configuration => typeof(Checkout).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()!.Configuration;

    /// <summary>
    /// A program from the last build, or the published one in the folder that AUTHMESH_SERVICES names, if it is there.
    /// </summary>
    public static string Dll(string project, string? assembly = null)
    {
        var file = $"{assembly ?? project}.dll";
        var published = Path.Combine(Environment.GetEnvironmentVariable("AUTHMESH_SERVICES") ?? "", project, file);
        return File.Exists(published) ? published : Path.Combine(Root, project, "bin", Configuration, "net10.0", file);
    }

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
