using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh;

/// <summary>Turns off the startup work of data protection, which parts of the framework register and the mesh never uses.</summary>
public static class DataProtectionStart
{
    /// <summary>
    /// Removes the hosted service that writes a key to the home folder at startup. Call it after the registration that adds data
    /// protection. Code that does use data protection gets its keys at first use.
    /// </summary>
    public static void RemoveDataProtectionStart(this IServiceCollection services)
    {
        if (services.FirstOrDefault(service => service.ImplementationType?.Name == "DataProtectionHostedService") is { } unused)
        {
            services.Remove(unused);
        }
    }
}
