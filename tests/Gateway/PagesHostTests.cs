using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Gateway;

/// <summary>A mesh whose pages have a host of their own: a session cookie of that host reaches no service.</summary>
public sealed partial class PagesHostTests(PagesHostTests.SeparateMesh mesh) : IClassFixture<PagesHostTests.SeparateMesh>
{
    private const string Api = "auth.example.test", Pages = "accounts.example.test", PagesOrigin = "https://" + Pages;

    public static TheoryData<string, string, string> Routes()
    {
        var routes = new TheoryData<string, string, string>();
        using var settings = JsonDocument.Parse(File.ReadAllText(Path.Combine(Checkout.Root, "gateway", "appsettings.json")));
        foreach (var route in settings.RootElement.GetProperty("ReverseProxy").GetProperty("Routes").EnumerateObject())
        {
            var path = route.Value.GetProperty("Match").GetProperty("Path").GetString()!;
            var host = route.Value.GetProperty("Metadata").TryGetProperty("Host", out var value) ? value.GetString()! : "";
            foreach (var method in route.Value.GetProperty("Match").GetProperty("Methods").EnumerateArray())
            {
                routes.Add(method.GetString()!, path.Replace("{name}", "none.css", StringComparison.Ordinal), host);
            }
        }

        return routes;
    }

    [Theory]
    [MemberData(nameof(Routes))]
    public async Task Each_route_stands_at_its_own_host(string method, string path, string host)
    {
        var atPages = await SendAsync(method, path, Pages);
        var atApi = await SendAsync(method, path, Api);

        if (host.Length == 0)
        {
            atPages.AssertError(404, "not_found");
        }
        else
        {
            Assert.NotEqual(404, path == "/assets/none.css" || path.Contains('{', StringComparison.Ordinal) ? 200 : atPages.Status);
        }

        if (host == "pages" && method == "GET")
        {
            Assert.Equal((302, PagesOrigin + path + "?a=b"), (atApi.Status, atApi.Header("Location")));
        }
        else if (host == "pages")
        {
            atApi.AssertError(404, "not_found");
        }
        else
        {
            Assert.NotEqual(302, atApi.Status);
        }
    }

    [Fact]
    public async Task An_application_signs_a_user_in_with_a_cookie_that_no_service_gets()
    {
        var discovery = (await SendAsync("GET", "/.well-known/openid-configuration", Api)).Json;
        Assert.Equal(
            ("https://" + Api, PagesOrigin + "/authorize", PagesOrigin + "/end-session", $"https://{Api}/token"),
            (discovery.GetProperty("issuer").GetString(), discovery.GetProperty("authorization_endpoint").GetString(),
                discovery.GetProperty("end_session_endpoint").GetString(), discovery.GetProperty("token_endpoint").GetString()));
        var client = await mesh.AddClientAsync();
        var visitor = new Visitor(mesh.At(Pages), PagesOrigin);
        var signedUp = await visitor.PostAsync("/signup", ("username", ProductionMesh.NewName()), ("password", PagesMesh.Password));
        Assert.Equal(303, signedUp.Status);
        var cookie = string.Join("; ", visitor.Cookies.Select(pair => $"{pair.Key}={pair.Value}"));
        var flow = new CodeFlow(client, "openid mesh");

        var back = (await visitor.GetAsync(flow.Path())).LedBackTo(client.RedirectUri);

        Assert.Equal("https://" + Api, back["iss"]);
        var tokens = await mesh.At(Api).TokenAsync(flow.Redemption(back["code"]));
        Assert.Equal(200, tokens.Status);
        Assert.Equal(200, (await mesh.At(Api).GetAsync("/protected", tokens.Member("access_token"))).Status);
        (await SendAsync("GET", "/protected", Pages, cookie)).AssertError(404, "not_found");
        var page = await visitor.GetAsync("/me");
        Assert.Equal(200, page.Status);
        Assert.Equal(200, (await visitor.GetAsync(Asset().Match(page.Text).Value)).Status);
        Assert.Equal(303, (await visitor.PostAsync("/signout")).Status);
        await Patience.UntilAsync(async () => (await mesh.At(Api).GetAsync("/protected", tokens.Member("access_token"))).Status == 401);
    }

    [Theory]
    [InlineData(Pages, PagesOrigin, true)]
    [InlineData(Pages, "https://" + Api, false)] // a script of a service
    [InlineData(Pages, "https://evil.example", false)]
    [InlineData(Api, "https://" + Api, true)]
    [InlineData(Api, PagesOrigin, false)]
    public async Task Each_host_takes_unsafe_requests_of_its_own_pages_alone(string host, string origin, bool passes)
    {
        var answer = host == Pages
            ? await new Visitor(mesh.At(Pages), origin).PostAsync(
                "/signup", request => request.Headers.Add("Origin", origin), ("username", ProductionMesh.NewName()),
                ("password", PagesMesh.Password))
            : await SendAsync("POST", "/logout", host, change: request => request.Headers.Add("Origin", origin));

        Assert.Equal(passes, answer.Status != 403);
    }

    [Fact]
    public async Task Links_in_mails_codes_of_devices_and_passkeys_belong_to_the_host_of_the_pages()
    {
        var user = await mesh.At(Api).SignUpAsync();
        var address = $"{user.Username}@example.test";
        Assert.Equal(
            200, (await mesh.At(Api).CallAsync(HttpMethod.Post, "/account/email", user.Token, new { email = address })).Status);
        var link = (await mesh.Mails.NextAsync(address)).Link;
        var device = await mesh.At(Api).BeginDeviceAsync(await mesh.AddDeviceClientAsync(), "openid");
        var passkey = await SendAsync("POST", "/login/passkey/options", Pages, change: request =>
        {
            request.Headers.Add("Origin", PagesOrigin);
            request.Content = JsonContent.Create(new { });
        });

        Assert.Equal(PagesOrigin + "/verify-email", link.GetLeftPart(UriPartial.Path));
        Assert.Equal(PagesOrigin + "/device", device.Member("verification_uri"));
        Assert.Equal(Pages, passkey.Json.GetProperty("options").GetProperty("rpId").GetString());
    }

    [GeneratedRegex("/assets/[^\"]+\\.css")]
    private static partial Regex Asset();

    private Task<Answer> SendAsync(
        string method, string path, string host, string? cookie = null, Action<HttpRequestMessage>? change = null) =>
        mesh.At(host).SendAsync(new HttpMethod(method), path + "?a=b", null, request =>
        {
            if (cookie is not null)
            {
                request.Headers.Add("Cookie", cookie);
            }

            change?.Invoke(request);
        });

    /// <summary>One mesh with two public hosts.</summary>
    public sealed class SeparateMesh(ProductionMesh production) : IAsyncLifetime
    {
        private readonly Dictionary<string, Caller> callers = [];
        private Mesh mesh = null!;

        internal MailFolder Mails => new(mesh.MailFolder);

        /// <summary>A client that names this host.</summary>
        internal Caller At(string host) => callers[host];

        public async ValueTask InitializeAsync()
        {
            mesh = await Mesh.StartAsync(InProduction.Options with
            {
                ConnectionString = await production.Postgres.CreateDatabaseAsync(),
                Settings = new Dictionary<string, string>(InProduction.Options.Settings) { ["AuthMesh:PagesOrigin"] = PagesOrigin },
                Start = WithinThisProcess.StartAsync,
                WritesMails = true,
            });
            foreach (var host in (string[])[Api, Pages])
            {
                callers[host] = new Caller(mesh.Gateway, host);
            }
        }

        internal async Task<RegisteredClient> AddClientAsync() => await At(Api).AddClientAsync(await AdminTokenAsync());

        internal async Task<RegisteredClient> AddDeviceClientAsync() => await At(Api).AddDeviceClientAsync(await AdminTokenAsync());

        public async ValueTask DisposeAsync()
        {
            foreach (var caller in callers.Values)
            {
                caller.Dispose();
            }

            if (mesh is not null)
            {
                await mesh.DisposeAsync();
            }
        }

        private async Task<string> AdminTokenAsync()
        {
            var user = await At(Api).SignUpAsync();
            await new Database(mesh.ConnectionString).ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);
            return (await At(Api).SignInAgainAsync(user)).Token;
        }
    }
}
