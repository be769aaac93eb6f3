using Microsoft.AspNetCore.Builder;

namespace AuthMesh;

/// <summary>Startup options that the services of this repository share. Your own service may start in any other way.</summary>
public static class ServiceProgram
{
    /// <summary>Options for <see cref="WebApplication.CreateSlimBuilder(WebApplicationOptions)"/>.</summary>
    /// <param name="args">The program's arguments, which are settings. They may also name another folder: <c>--contentRoot=DIR</c>.</param>
    public static WebApplicationOptions Options(string[] args) => new()
    {
        // A service reads its settings once, at startup. Watching their files would take an inotify instance, and Linux gives each user
        // 128. On a machine where an editor or another service holds them all, no service would start.
        // With its own folder as the content root, a service finds its appsettings.json from any working directory.
        Args = ["--hostBuilder:reloadConfigOnChange=false", $"--contentRoot={AppContext.BaseDirectory}", .. args],
    };
}
