using Microsoft.AspNetCore.Builder;

namespace AuthMesh;

/// <summary>What the services of this repository have in common as programs. A service of your own may start as it likes.</summary>
public static class ServiceProgram
{
    /// <summary>For <see cref="WebApplication.CreateSlimBuilder(WebApplicationOptions)"/>.</summary>
    /// <param name="args">The program's arguments, which are settings.</param>
    public static WebApplicationOptions Options(string[] args) => new()
    {
        // Settings are read once, at the start. Watching their files would take an inotify instance, and Linux gives each user 128: on a
        // machine where an editor or another service holds them all, no service would start.
        Args = ["--hostBuilder:reloadConfigOnChange=false", .. args],
        ContentRootPath = AppContext.BaseDirectory, // appsettings.json is found from wherever the service is started
    };
}
