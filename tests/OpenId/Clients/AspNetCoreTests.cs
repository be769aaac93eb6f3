using System.Text.Json;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authentication.OpenIdConnect;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Microsoft.IdentityModel.Tokens;

namespace AuthMesh.Tests.OpenId.Clients;

/// <summary>A web application with ASP.NET Core's own handler. It keeps the tokens in its cookie.</summary>
[Collection<OnClientMesh>]
public sealed class AspNetCoreTests(ClientMesh mesh)
{
    [Fact]
    public async Task ASP_NET_Cores_handler_signs_a_person_in_and_out()
    {
        var origin = ClientMesh.FreeOrigin();
        var registered = await mesh.RegisterAsync("web", origin + "/signin-oidc", origin + "/signout-callback-oidc");
        await using var client = await Client.StartAsync(origin, mesh.Issuer, registered);

        await Story.TellAsync(mesh, registered, client);
    }

    private sealed class Client(WebApplication app, string origin, string issuer) : IRelyingParty
    {
        private readonly SignInByForm browser = new(issuer);

        public static async Task<Client> StartAsync(string origin, string issuer, RegisteredClient registered)
        {
            var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = Path.GetTempPath() });
            builder.Logging.SetMinimumLevel(LogLevel.Critical);
            builder.WebHost.UseUrls(origin);
            builder.Services.AddHttpClient("mesh", http => http.BaseAddress = new Uri(issuer));
            builder.Services.AddAuthorization();
            builder.Services
                .AddAuthentication(options =>
                {
                    options.DefaultScheme = CookieAuthenticationDefaults.AuthenticationScheme;
                    options.DefaultChallengeScheme = OpenIdConnectDefaults.AuthenticationScheme;
                })
                .AddCookie()
                .AddOpenIdConnect(options =>
                {
                    options.Authority = issuer;
                    (options.ClientId, options.ClientSecret) = (registered.Id, registered.Secret);
                    options.ResponseType = OpenIdConnectResponseType.Code;
                    options.Scope.Clear();
                    Array.ForEach(ClientMesh.Scope.Split(' '), options.Scope.Add);
                    options.GetClaimsFromUserInfoEndpoint = true;
                    options.SaveTokens = true;

                    // Without https, a browser sends no cookie along with another site's form.
                    options.RequireHttpsMetadata = false;
                    options.ResponseMode = OpenIdConnectResponseMode.Query;
                    foreach (var cookie in new[] { options.NonceCookie, options.CorrelationCookie })
                    {
                        (cookie.SameSite, cookie.SecurePolicy) = (SameSiteMode.Lax, CookieSecurePolicy.SameAsRequest);
                    }
                });
            var app = builder.Build();
            var pages = app.MapGroup("").RequireAuthorization();
            pages.MapGet("/", ShowAsync);
            pages.MapGet("/call", ForwardAsync);
            pages.MapGet("/refresh", RenewAsync);
            app.MapGet("/sign-out", () => TypedResults.SignOut(
                new() { RedirectUri = "/signed-out" },
                [CookieAuthenticationDefaults.AuthenticationScheme, OpenIdConnectDefaults.AuthenticationScheme]));
            app.MapGet("/signed-out", () => "Goodbye");
            await app.StartAsync(TestContext.Current.CancellationToken);
            return new Client(app, origin, issuer);
        }

        public async Task<HeldTokens> SignInAsync() => HeldTokens.Read(await OpenAsync("/"));

        public async Task<int> CallAsync() => (await browser.GetAsync(origin + "/call")).Status;

        public async Task<HeldTokens> RefreshAsync() => HeldTokens.Read(await OpenAsync("/refresh"));

        public async Task SignOutAsync()
        {
            var (address, page) = await browser.OpenAsync(origin + "/sign-out");
            Assert.Equal((origin + "/signed-out", "Goodbye"), (address.AbsoluteUri, page?.Text));
        }

        public async ValueTask DisposeAsync()
        {
            browser.Dispose();
            await app.StopAsync(CancellationToken.None);
            await app.DisposeAsync();
        }

        private async Task<JsonElement> OpenAsync(string path)
        {
            var (address, page) = await browser.OpenAsync(origin + path);
            Assert.True(address.AbsoluteUri == origin + path && page!.Status == 200, $"{path} leads to {address}: {page}");
            return page.Json;
        }

        // With an HttpContext as its only parameter, this would be a RequestDelegate, whose result is ignored.
        private static async Task<object> ShowAsync(HttpRequest request) => new
        {
            access_token = await request.HttpContext.GetTokenAsync(OpenIdConnectParameterNames.AccessToken),
            refresh_token = await request.HttpContext.GetTokenAsync(OpenIdConnectParameterNames.RefreshToken),
            id_token = JsonElement.Parse(Base64UrlEncoder.Decode(
                new JsonWebToken(await request.HttpContext.GetTokenAsync(OpenIdConnectParameterNames.IdToken)).EncodedPayload)),
        };

        private static async Task ForwardAsync(HttpContext context, IHttpClientFactory clients)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/protected");
            request.Headers.Authorization = new("Bearer", await context.GetTokenAsync(OpenIdConnectParameterNames.AccessToken));
            using var answer = await clients.CreateClient("mesh").SendAsync(request, context.RequestAborted);
            context.Response.StatusCode = (int)answer.StatusCode;
        }

        // The handler itself refreshes nothing. This is what the framework's documentation does.
        private static async Task<object> RenewAsync(HttpContext context, IOptionsMonitor<OpenIdConnectOptions> schemes)
        {
            var options = schemes.Get(OpenIdConnectDefaults.AuthenticationScheme);
            var provider = await options.ConfigurationManager!.GetConfigurationAsync(context.RequestAborted);
            var signedIn = await context.AuthenticateAsync();
            using var answer = await options.Backchannel.PostAsync(
                provider.TokenEndpoint,
                new FormUrlEncodedContent(new Dictionary<string, string?>
                {
                    ["grant_type"] = OpenIdConnectGrantTypes.RefreshToken,
                    ["client_id"] = options.ClientId,
                    ["client_secret"] = options.ClientSecret,
                    ["refresh_token"] = signedIn.Properties!.GetTokenValue(OpenIdConnectParameterNames.RefreshToken),
                }),
                context.RequestAborted);
            var tokens = new OpenIdConnectMessage(await answer.Content.ReadAsStringAsync(context.RequestAborted));
            if (!answer.IsSuccessStatusCode)
            {
                return TypedResults.Json(tokens.Parameters, statusCode: (int)answer.StatusCode);
            }

            signedIn.Properties!.UpdateTokenValue(OpenIdConnectParameterNames.AccessToken, tokens.AccessToken);
            signedIn.Properties!.UpdateTokenValue(OpenIdConnectParameterNames.RefreshToken, tokens.RefreshToken);
            await context.SignInAsync(signedIn.Principal!, signedIn.Properties);
            return new { access_token = tokens.AccessToken, refresh_token = tokens.RefreshToken };
        }
    }
}
