using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>
/// A web application with ASP.NET Core's own handler and the code of docs/applications.md: its cookie ends with the session.
/// </summary>
[Collection<OnClientMesh>]
public sealed class AspNetCoreLogoutTests(ClientMesh mesh) : IAsyncLifetime
{
    private readonly string origin = ClientMesh.FreeOrigin();
    private WebApplication app = null!;
    private string admin = "";

    public async ValueTask InitializeAsync()
    {
        var registered = await mesh.RegisterAsync("web", origin + "/signin-oidc");
        admin = await mesh.Gateway.TokenAsync("admin", "admin123");
        var listed = (await mesh.Gateway.GetAsync("/applications", admin)).Json.GetProperty("applications").EnumerateArray()
            .Single(application => application.GetProperty("client_id").GetString() == registered.Id);
        var changed = await mesh.Gateway.ChangeApplicationAsync(
            admin, listed.GetProperty("id").GetGuid(), new { backchannel_logout_uri = origin + "/backchannel-logout" });
        Assert.True(changed.Status == 200, changed.ToString());

        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
        builder.Logging.SetMinimumLevel(LogLevel.Critical);
        builder.WebHost.UseUrls(origin);
        builder.Services.AddDistributedMemoryCache().AddAuthorization();
        builder.Services
            .AddAuthentication(options =>
            {
                options.DefaultScheme = CookieAuthenticationDefaults.AuthenticationScheme;
                options.DefaultChallengeScheme = OpenIdConnectDefaults.AuthenticationScheme;
            })
            .AddCookie(cookie => cookie.Events.OnValidatePrincipal = EndedSessions.CheckAsync)
            .AddOpenIdConnect(oidc =>
            {
                oidc.Authority = mesh.Issuer;
                (oidc.ClientId, oidc.ClientSecret, oidc.ResponseType) = (registered.Id, registered.Secret, "code");
                oidc.MapInboundClaims = false;

                // Without https, a browser sends no cookie along with another site's form.
                oidc.RequireHttpsMetadata = false;
                oidc.ResponseMode = OpenIdConnectResponseMode.Query;
                foreach (var cookie in new[] { oidc.NonceCookie, oidc.CorrelationCookie })
                {
                    (cookie.SameSite, cookie.SecurePolicy) = (SameSiteMode.Lax, CookieSecurePolicy.SameAsRequest);
                }
            });
        app = builder.Build();
        app.MapPost("/backchannel-logout", (HttpContext context, IOptionsMonitor<OpenIdConnectOptions> options, IDistributedCache cache) =>
        {
            var oidc = options.Get(OpenIdConnectDefaults.AuthenticationScheme);
            return EndedSessions.TakeAsync(context, oidc.ClientId!, oidc.ConfigurationManager!, cache);
        });
        app.MapGet("/me", (HttpRequest request) => request.HttpContext.User.FindFirst("sub")!.Value).RequireAuthorization();
        await app.StartAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_sign_out_by_an_admin_ends_the_cookie_of_the_application()
    {
        using var browser = new SignInByForm(mesh.Issuer);
        var (address, page) = await browser.OpenAsync(origin + "/me");
        Assert.Equal((origin + "/me", 200), (address.AbsoluteUri, page!.Status));
        Assert.Equal(200, (await browser.GetAsync(origin + "/me")).Status);

        var ended = await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/users/{page.Text}/sessions", admin);
        Assert.True(ended.Status == 200, ended.ToString());

        // The application sends the browser to the mesh, which no longer knows the person.
        var led = await Patience.UntilAsync(() => browser.GetAsync(origin + "/me"), answer => answer.Status == 302);
        Assert.StartsWith(mesh.Issuer + "/authorize?", led.Header("Location"), StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync() => app.DisposeAsync();
}
