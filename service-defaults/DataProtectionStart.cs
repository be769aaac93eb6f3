using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh;

/// <summary>Data protection, which parts of the framework bring along and nothing in the mesh uses.</summary>
public static class DataProtectionStart
{
    /// <summary>
    /// Takes out the part of it that runs at start and writes a key to the home folder. To be called after whatever adds data protection;
    /// who does use it gets its keys at first use.
    /// </summary>
    public static void RemoveDataProtectionStart(this IServiceCollection services)
    {
        if (services.FirstOrDefault(service => service.ImplementationType?.Name == "DataProtectionHostedService") is { } unused)
        {
            services.Remove(unused);
        }
    }
}
