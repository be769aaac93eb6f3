using System.Security.Cryptography;
using AuthMesh.Keys;
using AuthMesh.LocalMesh;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.ShortPath;

/// <summary>A team's service with additions of its own. It gets its key from the test, so it needs no other service.</summary>
internal sealed class TestService : IAsyncDisposable
{
    /// <summary>Signs the tokens of all these services.</summary>
    public static readonly Forge Forge = new("the key", ECDsa.Create(ECCurve.NamedCurves.nistP256));

    private readonly WebApplication app;

    private TestService(WebApplication app) => this.app = app;

    public Uri Address => new(app.Urls.First());

    /// <param name="before">Adds services before the mesh does.</param>
    /// <param name="after">Adds services after the mesh has.</param>
    /// <param name="use">Adds middleware and endpoints.</param>
    /// <param name="remembers">Whether the service caches verified tokens.</param>
    /// <param name="protocols">The protocols of its address.</param>
    /// <param name="url">Its address, or null for a free port.</param>
    public static async Task<TestService> StartAsync(
        Action<WebApplicationBuilder>? before = null, Action<WebApplicationBuilder>? after = null, Action<WebApplication>? use = null,
        bool remembers = true, HttpProtocols protocols = HttpProtocols.Http1, string? url = null)
    {
        // Keeps out the settings of another service in the tests' output folder.
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.Configuration["AuthMesh:Issuer"] = ProductionMesh.Issuer;
        builder.Configuration["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey;
        if (!remembers)
        {
            builder.Configuration["AuthMesh:VerifiedTokens"] = "0";
        }

        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = protocols));
        builder.Configuration["urls"] = url ?? Loopback.Origin(0);
        before?.Invoke(builder);
        builder.AddAuthMeshDefaults();
        builder.Services.AddSingleton<IVerificationKeys>(new HeldKey());
        after?.Invoke(builder);
        var service = new TestService(builder.Build());
        service.app.Services.GetRequiredService<RevokedAccess>().Confirm();
        use?.Invoke(service.app);
        try
        {
            await service.app.StartAsync(TestContext.Current.CancellationToken);
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }

        return service;
    }

    public static string NewToken(string role = "user") =>
        Forge.Sign(Forge.Header().ToJsonString(), Forge.With(Forge.Claims(), "role", role));

    /// <summary>Stops it as a signal does, and lets it take its time.</summary>
    public Task StopAsync() => app.StopAsync(CancellationToken.None);

    public void RefuseToStart(string reason) =>
        app.Services.GetRequiredService<PendingRefusal>().Refuse(new StartRefusedException(reason));

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.Zero);
        await app.StopAsync(now.Token);
        await app.DisposeAsync();
    }

    private sealed class HeldKey : IVerificationKeys
    {
        private readonly ECDsaSecurityKey key = new(Forge.Key) { KeyId = Forge.KeyId };

        public bool IsReady => true;

        public ECDsaSecurityKey? Find(string keyId) => keyId == Forge.KeyId ? key : null;

        public ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken) =>
            ValueTask.FromResult(new KeyLookup(Find(keyId)));
    }
}
