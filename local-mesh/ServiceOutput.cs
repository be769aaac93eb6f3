using System.Reflection;
using System.Runtime.InteropServices;

namespace AuthMesh.LocalMesh;

/// <summary>Finds the program of a service, built or published. It lies in the service's own folder, beside its appsettings.json.</summary>
internal static class ServiceOutput
{
    // The runtime of this process, whether `dotnet`, an apphost or a test runner started it.
    internal static string DotNet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    private static readonly string Configuration =
        typeof(ServiceOutput).Assembly.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration ?? "Debug";

    // Where the package of this program holds those of the services.
    private static readonly string Packed = Path.Combine(AppContext.BaseDirectory, "services");

    /// <summary>
    /// The program of the same package, or else the output of the last build. AUTHMESH_SERVICES, which test.sh sets, names a folder of
    /// published programs instead.
    /// </summary>
    internal static string Dll(string service)
    {
        if (Environment.GetEnvironmentVariable("AUTHMESH_SERVICES") is { Length: > 0 } published) return Published(published, service);
        if (Directory.Exists(Packed)) return Published(Packed, service);

        var dll = Path.Combine(Root(), service, "bin", Configuration, "net10.0", $"{service}.dll");
        return File.Exists(dll)
            ? dll
            : throw new MeshException($"{dll} does not exist. Build it first: dotnet build {service} -c {Configuration}");
    }

    /// <summary>The output of `dotnet publish SERVICE --output FOLDER/SERVICE`: an assembly, or a program that needs no runtime.</summary>
    internal static string Published(string folder, string service)
    {
        var program = Path.Combine(folder, service, service);
        return File.Exists($"{program}.dll") ? $"{program}.dll"
            : File.Exists(program) ? program
            : throw new MeshException(
                $"{program} does not exist. Publish it first: dotnet publish {service} --output {Path.Combine(folder, service)}");
    }

    // Tests and benchmarks run a copy of this assembly from their own output, so the depth below the root differs.
    private static string Root()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "AuthMesh.sln"))) return folder.FullName;
        }

        throw new MeshException($"No AuthMesh.sln above {AppContext.BaseDirectory}: the mesh runs only from the checkout of its build.");
    }
}
