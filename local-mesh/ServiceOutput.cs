using System.Reflection;
using System.Runtime.InteropServices;

namespace AuthMesh.LocalMesh;

/// <summary>Where a service lies: in a folder of its own, from which alone it finds its appsettings.json.</summary>
internal static class ServiceOutput
{
    // The runtime that we run on, whether we were started by `dotnet`, by an apphost or by a test runner.
    internal static string DotNet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    private static readonly string Configuration =
        typeof(ServiceOutput).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    /// <summary>The last build's, or what was published to the folder that AUTHMESH_SERVICES names; test.sh sets it.</summary>
    internal static string Dll(string service)
    {
        if (Environment.GetEnvironmentVariable("AUTHMESH_SERVICES") is { Length: > 0 } published) return Published(published, service);

        var dll = Path.Combine(Root(), service, "bin", Configuration, "net10.0", $"{service}.dll");
        return File.Exists(dll)
            ? dll
            : throw new MeshException($"{dll} does not exist. Build it first: dotnet build {service} -c {Configuration}");
    }

    /// <summary>What `dotnet publish SERVICE --output FOLDER/SERVICE` made: an assembly, or a program that needs no runtime.</summary>
    internal static string Published(string folder, string service)
    {
        var program = Path.Combine(folder, service, service);
        return File.Exists($"{program}.dll") ? $"{program}.dll"
            : File.Exists(program) ? program
            : throw new MeshException(
                $"{program} does not exist. Publish it first: dotnet publish {service} --output {Path.Combine(folder, service)}");
    }

    // Tests and benchmarks have a copy of this assembly in their own output, so the way up differs.
    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AuthMesh.sln"))) return folder.FullName;
        }

        throw new MeshException($"No AuthMesh.sln above {AppContext.BaseDirectory}: the mesh runs from the checkout that it was built in.");
    }
}
