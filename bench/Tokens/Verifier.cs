using System.Collections.Concurrent;
using System.Globalization;
using AuthMesh.Keys;
using AuthMesh.Revocations;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Bench.Tokens;

/// <summary>The token validation of a service, wired as in a service, with keys and a clock under the benchmark's control.</summary>
internal sealed class Verifier : IVerificationKeys, IDisposable
{
    public const string Issuer = "https://auth.example.test";

    private readonly ConcurrentDictionary<string, ECDsaSecurityKey?> keys = new();
    private readonly ServiceProvider services;
    private readonly TokenHandler handler;
    private readonly TokenValidationParameters parameters;
    private int keysAskedFor;

    /// <param name="clock">The clock for expiry.</param>
    /// <param name="verifiedTokens">The size of the cache; 0 disables it, null takes a service's default.</param>
    public Verifier(TimeProvider clock, int? verifiedTokens = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AuthMesh:Issuer"] = Issuer,
            ["AuthMesh:ServiceKey"] = "no-service-hears-of-this-key-ever",
            ["AuthMesh:VerifiedTokens"] = verifiedTokens?.ToString(CultureInfo.InvariantCulture),
        });
        builder.Services.AddSingleton(clock);
        builder.Services.AddSingleton<IVerificationKeys>(this);
        builder.AddAuthMeshDefaults();
        services = builder.Services.BuildServiceProvider();
        var bearer = services.GetRequiredService<IOptionsMonitor<JwtBearerOptions>>().Get(JwtBearerDefaults.AuthenticationScheme);
        (handler, parameters) = (bearer.TokenHandlers.Single(), bearer.TokenValidationParameters);
        Remembered = services.GetRequiredService<VerifiedTokens>();
        Revoked = services.GetRequiredService<RevokedAccess>();
        Revoked.Confirm(); // without it, no token could be validated
    }

    public VerifiedTokens Remembered { get; }

    public RevokedAccess Revoked { get; }

    public bool IsReady => true;

    /// <summary>How often a key was looked up to verify a signature. A cached token needs no look-up.</summary>
    public int KeysAskedFor => Volatile.Read(ref keysAskedFor);

    /// <summary>Sets the key with this id; null removes it.</summary>
    public void Hold(string keyId, ECDsaSecurityKey? key) => keys[keyId] = key;

    public Task<TokenValidationResult> ValidateAsync(string token) => handler.ValidateTokenAsync(token, parameters);

    /// <summary>Asks the short path, which answers from the cache only.</summary>
    public VerifiedToken? FindValid(string authorization) => ((AccessTokenHandler)handler).FindValid(authorization, "authmesh");

    public ECDsaSecurityKey? Find(string keyId) => keys.GetValueOrDefault(keyId);

    public ValueTask<KeyLookup> FindAsync(string keyId, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref keysAskedFor);
        return ValueTask.FromResult(new KeyLookup(Find(keyId)));
    }

    public void Dispose() => services.Dispose();
}
