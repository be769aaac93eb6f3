using System.Runtime.CompilerServices;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// Hosts that tests build watch no settings files. A watch of the host's folder would include all folders below it, for which the working
/// folder and the folder of temporary files have thousands.
/// </summary>
internal static class UnwatchedSettings
{
    [ModuleInitializer]
    internal static void SetForThisProcess() => Environment.SetEnvironmentVariable("DOTNET_hostBuilder__reloadConfigOnChange", "false");
}
