using System.Runtime.CompilerServices;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// Hosts that tests build watch no settings files. A host would watch its folder with all folders below it. These are thousands in the
/// working folder and in the folder of temporary files, which are the folders of such hosts.
/// </summary>
internal static class UnwatchedSettings
{
    [ModuleInitializer]
    internal static void SetForThisProcess() => Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");
}
