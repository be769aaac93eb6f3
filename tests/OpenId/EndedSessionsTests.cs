using System.Security.Claims;
using System.Text.Json.Nodes;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Conventions.Documentation;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>The code of docs/applications.md: an application with a cookie of its own, which ends with the session of the mesh.</summary>
public sealed class EndedSessionsTests(ProductionMesh mesh) : IAsyncLifetime
{
    private WebApplication app = null!;
    private Caller caller = null!;
    private RegisteredClient client = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.Services.AddDistributedMemoryCache().AddAuthorization();
        builder.Services.AddAuthentication(CookieAuthenticationDefaults.AuthenticationScheme).AddCookie(cookie =>
        {
            cookie.Events.OnValidatePrincipal = EndedSessions.CheckAsync;
            cookie.Events.OnRedirectToLogin = context =>
            {
                context.Response.StatusCode = 401;
                return Task.CompletedTask;
            };
        });
        app = builder.Build();
        app.UseAuthentication();
        app.UseAuthorization();
        // The keys of the mesh, whose issuer no socket of a test has.
        var metadata = new OpenIdConnectConfiguration { Issuer = ProductionMesh.Issuer };
        foreach (var key in new JsonWebKeySet((await mesh.Gateway.GetAsync("/.well-known/jwks.json")).Text).GetSigningKeys())
        {
            metadata.SigningKeys.Add(key);
        }

        var manager = new StaticConfigurationManager<OpenIdConnectConfiguration>(metadata);
        app.MapPost("/backchannel-logout", (HttpContext context, IDistributedCache cache) =>
            EndedSessions.TakeAsync(context, client.ClientId, manager, cache));
        // Stands for the handler of OpenID Connect, which puts the claims of the id_token into the cookie.
        app.MapGet("/callback", (HttpContext context, string sid) => context.SignInAsync(new ClaimsPrincipal(
            new ClaimsIdentity([new Claim("sid", sid)], "oidc"))));
        app.MapGet("/me", () => "it is you").RequireAuthorization();
        app.Urls.Add(Loopback.Origin(0));
        await app.StartAsync();
        caller = new Caller(new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()));
        client = await mesh.Gateway.AddClientAsync(
            await mesh.AdminTokenAsync(),
            settings: new { backchannel_logout_uri = new Uri(caller.Address, "/backchannel-logout").AbsoluteUri });
    }

    [Fact]
    public async Task A_cookie_ends_with_its_session_and_others_go_on()
    {
        var (first, second) = (await SignInAsync(), await SignInAsync());
        var firstCookie = await CookieAsync(first.Session);
        var secondCookie = await CookieAsync(second.Session);
        Assert.Equal(200, await StatusAsync(firstCookie));

        await first.Visitor.PostAsync("/signout");

        await Patience.UntilAsync(async () => await StatusAsync(firstCookie) == 401);
        Assert.Equal(200, await StatusAsync(secondCookie));
    }

    [Theory]
    [InlineData("")]
    [InlineData("typ")]
    [InlineData("aud")]
    [InlineData("iss")]
    [InlineData("exp")]
    [InlineData("sid")]
    [InlineData("events")]
    [InlineData("nonce")]
    [InlineData("signature")]
    public async Task A_token_that_is_not_good_in_all_ends_nothing(string fault)
    {
        var sid = Guid.NewGuid();
        var cookie = await CookieAsync(sid);
        var (header, claims) = (mesh.Forge.Header(), Claims(sid));
        header["typ"] = fault == "typ" ? "JWT" : "logout+jwt";
        claims["aud"] = fault == "aud" ? "another" : client.ClientId;
        claims["iss"] = fault == "iss" ? "https://another.example" : ProductionMesh.Issuer;
        claims["exp"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() + (fault == "exp" ? -3_600 : 120);
        if (fault is "sid" or "events")
        {
            claims.Remove(fault);
        }

        if (fault == "nonce")
        {
            claims["nonce"] = "n";
        }

        var token = mesh.Forge.Sign(header, claims);
        var answer = await caller.FormAsync("/backchannel-logout", ("logout_token", fault == "signature" ? token[..^4] + "AAAA" : token));

        Assert.Equal(fault == "" ? 200 : 400, answer.Status);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        Assert.Equal(fault == "" ? 401 : 200, await StatusAsync(cookie));
    }

    [Fact]
    public void The_page_shows_this_code() => Assert.Contains(
        SourceTree.Read("tests/OpenId/EndedSessions.cs").Split("shows the rest of this file.\n\n")[1],
        SourceTree.Read("docs/applications.md"), StringComparison.Ordinal);

    public async ValueTask DisposeAsync()
    {
        caller.Dispose();
        await app.DisposeAsync();
    }

    private static JsonObject Claims(Guid sid) => new()
    {
        ["sub"] = Guid.NewGuid().ToString(),
        ["iat"] = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds(),
        ["jti"] = Guid.NewGuid().ToString(),
        ["sid"] = sid.ToString(),
        ["events"] = new JsonObject { ["http://schemas.openid.net/event/backchannel-logout"] = new JsonObject() },
    };

    private async Task<(Pages.Visitor Visitor, Guid Session)> SignInAsync()
    {
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client));
        return (visitor, new JsonWebToken(tokens.Member("id_token")).SessionId());
    }

    private async Task<string> CookieAsync(Guid sid) =>
        (await caller.GetAsync($"/callback?sid={sid}")).Header("Set-Cookie")!.Split(';')[0];

    private async Task<int> StatusAsync(string cookie) =>
        (await caller.SendAsync(HttpMethod.Get, "/me", null, request => request.Headers.Add("Cookie", cookie))).Status;
}
