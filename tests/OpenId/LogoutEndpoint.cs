using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>What an application got at its logout endpoint.</summary>
internal sealed record ReceivedLogout(JsonWebToken Token, string Method, string ContentType, string CacheControl)
{
    public Guid SessionId => Token.SessionId();
}

/// <summary>The logout endpoint of an application (OpenID Connect Back-Channel Logout 1.0 §2.5): a real server on this machine.</summary>
internal sealed class LogoutEndpoint : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly ConcurrentQueue<ReceivedLogout> received = new();

    private LogoutEndpoint(WebApplication app) => this.app = app;

    /// <summary>Where applications are told.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Answers a request that has been read. Unset, the answer is 200.</summary>
    public Func<HttpContext, Task> Answer { get; set; } = _ => Task.CompletedTask;

    public IReadOnlyList<ReceivedLogout> Received => [.. received];

    /// <summary>The sessions of the tokens so far, each as often as it came.</summary>
    public IEnumerable<Guid> Sessions => received.Select(logout => logout.SessionId).Order();

    public static async Task<LogoutEndpoint> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(
            Loopback.Address, 0, endpoint => _ = certificate is null ? endpoint : endpoint.UseHttps(certificate)));
        var app = builder.Build();
        var self = new LogoutEndpoint(app);
        app.MapPost("/logout", self.ReceiveAsync);
        await app.StartAsync();
        var origin = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        self.Address = new Uri(origin + "/logout");
        return self;
    }

    /// <summary>Waits until the application was told of exactly these sessions, each once.</summary>
    public async Task UntilToldAsync(params Guid[] sessions)
    {
        var expected = string.Join(' ', sessions.Order());
        await Patience.UntilAsync(() => Task.FromResult(string.Join(' ', Sessions)), told => told == expected);
    }

    public Task UntilReceivedAsync(int count) => Patience.UntilAsync(
        () => Task.FromResult(received.Count), many => many >= count);

    public async ValueTask DisposeAsync()
    {
        Answer = _ => Task.CompletedTask;
        await app.StopAsync(new CancellationToken(canceled: true)); // a request may hang
        await app.DisposeAsync();
    }

    private async Task ReceiveAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync();
        received.Enqueue(new ReceivedLogout(
            new JsonWebToken(form["logout_token"].Single()), context.Request.Method, context.Request.ContentType!,
            context.Request.Headers.CacheControl.ToString()));
        Assert.Equal(["logout_token"], form.Keys);
        await Answer(context);
    }
}

internal static class LogoutTokenChecks
{
    /// <summary>Validates a token as an application does that knows the mesh by its metadata alone (§2.6).</summary>
    public static async Task AssertGoodAsync(this ReceivedLogout received, ProductionMesh mesh, string clientId)
    {
        var keys = new JsonWebKeySet((await mesh.Gateway.GetAsync("/.well-known/jwks.json")).Text);
        var result = await new JsonWebTokenHandler { MapInboundClaims = false }.ValidateTokenAsync(
            received.Token.EncodedToken,
            new TokenValidationParameters
            {
                ValidIssuer = ProductionMesh.Issuer, ValidAudience = clientId, ValidTypes = ["logout+jwt"], ValidAlgorithms = ["ES256"],
                IssuerSigningKeys = keys.GetSigningKeys(), ClockSkew = TimeSpan.FromSeconds(5),
            });
        Assert.True(result.IsValid, result.Exception?.ToString());
        var token = received.Token;
        Assert.Equal(
            ["aud", "events", "exp", "iat", "iss", "jti", "sid", "sub"],
            token.Claims.Select(claim => claim.Type).Order(StringComparer.Ordinal));
        Assert.Equal("{\"http://schemas.openid.net/event/backchannel-logout\":{}}", token.GetClaim("events").Value);
        Assert.Equal(TimeSpan.FromMinutes(2), token.ValidTo - token.IssuedAt);
        Assert.True(Guid.TryParse(token.Id, out _));
        Assert.Equal(
            ("POST", "application/x-www-form-urlencoded", "no-store"), (received.Method, received.ContentType, received.CacheControl));
    }
}
