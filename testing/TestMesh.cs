using System.Diagnostics.Metrics;
using AuthMesh.Issuer;
using AuthMesh.Keys;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace AuthMesh.Testing;

/// <summary>Runs a service in a test as if it were behind a mesh.</summary>
public static class TestMesh
{
    /// <summary>The issuer of the tokens, unless the service's settings name another one.</summary>
    public const string Issuer = "https://auth.example.test";

    /// <summary>
    /// Runs the service with an issuer that the test controls. The service needs no settings of a mesh, makes no connection to one, and
    /// is ready at once. All else is as in production: the same code validates tokens, guards endpoints and answers errors.
    /// </summary>
    /// <typeparam name="TEntryPoint">A type of the service's assembly, usually <c>Program</c>.</typeparam>
    /// <param name="factory">The factory of the framework's test host. Others made from it are not changed.</param>
    /// <returns>The issuer. Dispose it to stop the service.</returns>
    /// <exception cref="InvalidOperationException">At the first use: the service does not call <c>AddAuthMesh()</c>.</exception>
    public static TestIssuer WithAuthMesh<TEntryPoint>(this WebApplicationFactory<TEntryPoint> factory)
        where TEntryPoint : class
    {
        ArgumentNullException.ThrowIfNull(factory);
        var (keys, clock) = (new TestKeys(), new StoppedClock());
        var own = factory.WithWebHostBuilder(host =>
        {
            host.UseSetting($"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.Issuer)}", Issuer);
            host.UseSetting($"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.IdentityUrl)}", "http://127.0.0.1:9"); // nobody calls it
            host.UseSetting($"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.ServiceKey)}", Guid.NewGuid().ToString("N"));
            host.UseSetting($"{AuthMeshOptions.Section}:{nameof(AuthMeshOptions.ShutdownGrace)}", "00:00:00");
            host.ConfigureTestServices(services => TakePlaceOfIssuer(services, keys, clock));
        });
        return new TestIssuer(keys, clock, own.CreateClient, () => own.Services, own);
    }

    private static void TakePlaceOfIssuer(IServiceCollection services, TestKeys keys, StoppedClock clock)
    {
        var reached = services.Select(service => service.ImplementationInstance).OfType<IssuerServices>().SingleOrDefault()
            ?? throw new InvalidOperationException("The service is not behind AuthMesh: it does not call AddAuthMesh().");
        foreach (var descriptor in reached.Descriptors)
        {
            services.Remove(descriptor);
        }

        services.AddSingleton<IVerificationKeys>(_ => keys); // a factory, so that the service disposes them
        services.AddSingleton(provider =>
        {
            var revoked = new RevokedAccess(
                clock, provider.GetRequiredService<IOptions<AuthMeshOptions>>(), provider.GetRequiredService<IMeterFactory>(),
                provider.GetRequiredService<ILogger<RevokedAccess>>());
            revoked.Confirm();
            return revoked;
        });
    }
}
