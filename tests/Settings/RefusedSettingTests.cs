using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Tls;

namespace AuthMesh.Tests.Settings;

/// <summary>Each bad setting stops the start, with its full key and without a stack trace.</summary>
public sealed class RefusedSettingTests
{
    private const string Connection = "Host=127.0.0.1;Port=9;Database=d;Username=u;Password=p"; // nothing listens there
    private const string Password = "Identity:Database:PasswordFile";
    private static readonly string MasterKey = Convert.ToBase64String(Enumerable.Range(1, 32).Select(i => (byte)i).ToArray());
    private static readonly string PresetMasterKey = Convert.ToBase64String(Encoding.ASCII.GetBytes("authmesh-development-master-key!"));

    private static readonly string PresetPasswordFile = WritePreset();

    public static TheoryData<string, string, string, string> Rows => new()
    {
        { "resource-service", "AuthMesh:Issuer", "", "must be the public origin" },
        { "resource-service", "AuthMesh:Issuer", "auth.example.com", "must be the public origin" },
        { "resource-service", "AuthMesh:Issuer", "https://auth.example.com/", "must be the public origin" },
        { "resource-service", "AuthMesh:Issuer", "https://auth.example.com:443", "must be the public origin" },
        { "resource-service", "AuthMesh:Issuer", "https://user:password@auth.example.com", "must be the public origin" },
        { "resource-service", "AuthMesh:Issuer", "https://аuth.example.com", "must be the public origin" }, // its first letter is Cyrillic
        { "resource-service", "AuthMesh:Issuer", "http://auth.example.com", "must be https outside Development" },
        { "resource-service", "AuthMesh:IdentityUrl", "", "must be the address" },
        { "resource-service", "AuthMesh:IdentityUrl", "identity-service:8080", "must be the address" },
        { "resource-service", "AuthMesh:IdentityUrl", "http://identity-service/path", "must be the address" },
        { "resource-service", "AuthMesh:IdentityUrl", "http://one:8080,", "must be the address" },
        { "resource-service", "AuthMesh:ServiceKey", "", "must be at least 32 visible ASCII characters" },
        { "gateway", "AuthMesh:ServiceKey", "thirty-one characters, no more!", "must be at least 32 visible ASCII characters" },
        { "identity-service", "AuthMesh:ServiceKey", "authmesh-development-service-key-which-is-public", "is the preset one" },
        { "resource-service", "AuthMesh:Revocations:StaleAfter", "00:00:04", "must be 00:00:05 to 01:00:00" },
        { "resource-service", "AuthMesh:Audience", " ", "must not be empty" },
        { "resource-service", "AuthMesh:ClockSkew", "00:01:00", "must be 00:00:00 to 00:00:30" },
        { "resource-service", "AuthMesh:ClockSkew", "soon", "AuthMesh:ClockSkew" },
        { "resource-service", "AuthMesh:KeyRefreshInterval", "00:00:00", "must be 00:00:01 to 01:00:00" },
        { "resource-service", "AuthMesh:VerifiedTokens", "-1", "must be 0 to 2000000" },
        { "resource-service", "AuthMesh:Isuer", "https://a.example", "AuthMesh has no setting Isuer" },
        { "resource-service", "AuthMesh:Http2Url", "127.0.0.1:8082", "AuthMesh:Http2Url must be http, an address, and a port" },
        { "identity-service", "AuthMesh:Http2Url", "https://127.0.0.1:8082", "AuthMesh:Http2Url must be http, an address, and a port" },
        { "resource-service", "AuthMesh:MetricsUrl", "9464", "AuthMesh:MetricsUrl must be http, an address, and a port" },
        { "gateway", "AuthMesh:MetricsUrl", "http://127.0.0.1/metrics", "AuthMesh:MetricsUrl must be http, an address, and a port" },
        { "gateway", "AuthMesh:Http2Url", "http://127.0.0.1:8082", "AuthMesh:Http2Url is for services behind the gateway" },
        { "gateway", "AuthMesh:Issuer", "http://auth.example.com", "must be https outside Development" },
        { "gateway", "AuthMesh:PagesOrigin", "accounts.example.test", "must be an origin of its own for the pages" },
        { "gateway", "AuthMesh:PagesOrigin", "https://accounts.example.test/", "must be an origin of its own for the pages" },
        { "gateway", "AuthMesh:PagesOrigin", "https://accounts.example.test/pages", "must be an origin of its own for the pages" },
        { "gateway", "AuthMesh:PagesOrigin", "http://accounts.example.test", "must be an origin of its own for the pages" },
        { "gateway", "AuthMesh:PagesOrigin", "https://user@accounts.example.test", "must be an origin of its own for the pages" },
        { "gateway", "AuthMesh:PagesOrigin", ProductionMesh.Issuer, "must be an origin of its own for the pages" },
        // Browsers share cookies between the ports of a host.
        { "gateway", "AuthMesh:PagesOrigin", ProductionMesh.Issuer + ":8443", "must be an origin of its own for the pages" },
        { "gateway", "Gateway:RequestHeaders:12", "Cookie", "must not contain Cookie" },
        { "gateway", "Gateway:RequestHeaders:12", "X-Forwarded-For", "must not contain X-Forwarded-For" },
        { "gateway", "Gateway:RequestHeaders:12", "authmesh-service-key", "must not contain authmesh-service-key" },
        { "gateway", "Gateway:RequestHeaders:3", "Nothing", "must contain Authorization" },
        { "gateway", "Gateway:CorsOrigins:0", "https://app.example.com/", "Gateway:CorsOrigins must hold origins" },
        { "gateway", "Gateway:CorsOrigins:0", "*", "Gateway:CorsOrigins must hold origins" },
        { "gateway", "Gateway:CorsOrigins:0", "null", "Gateway:CorsOrigins must hold origins" },
        { "gateway", "Gateway:CorsOrigins:0", "capacitor://localhost/", "Gateway:CorsOrigins must hold origins" },
        { "gateway", "Gateway:CorsOrigins:0", "Capacitor://localhost", "Gateway:CorsOrigins must hold origins" },
        { "gateway", "Gateway:CorsOrigins:0", "capacitor:localhost", "Gateway:CorsOrigins must hold origins" },
        { "gateway", "Gateway:CorsOrigins:0", "file://localhost", "Gateway:CorsOrigins must hold origins" },
        { "gateway", "Gateway:Connections:PerAddress", "9", "Gateway:Connections:PerAddress must be 10 to 10000" },
        { "gateway", "Gateway:Connections:PerAddress", "10001", "Gateway:Connections:PerAddress must be 10 to 10000" },
        { "gateway", "Gateway:RateLimits:Anonymous:Requests", "0", "Gateway:RateLimits:Anonymous:Requests must be 1 to 1000000" },
        { "gateway", "Gateway:RateLimits:SignIn:Window", "00:00:00.5", "Gateway:RateLimits:SignIn:Window must be 00:00:01 to 1.00:00:00" },
        { "gateway", "Gateway:RateLimits:SignedIn:Requests", "1000001", "Gateway:RateLimits:SignedIn:Requests must be 1 to 1000000" },
        { "gateway", "Gateway:Concurrency:PerDestination", "0", "Gateway:Concurrency:PerDestination must be 1 to 100000" },
        { "gateway", "Gateway:Concurrency:PerClient", "0", "Gateway:Concurrency:PerClient must be 1 to 100000" },
        { "gateway", "Gateway:Concurrency:Queue", "-1", "Gateway:Concurrency:Queue must be 0 to 100000" },
        { "gateway", "Gateway:Concurrency:LongestWait", "00:00:11", "Gateway:Concurrency:LongestWait must be 00:00:00.1 to 00:00:10" },
        { "gateway", "Gateway:InnerUrl", "127.0.0.1:8081", "Gateway:InnerUrl must be http, an address, and a port" },
        { "gateway", "Gateway:InnerUrl", "https://127.0.0.1:8081", "Gateway:InnerUrl must be http, an address, and a port" },
        { "gateway", "Gateway:InnerUrl", "http://127.0.0.1", "Gateway:InnerUrl must be http, an address, and a port" },
        { "gateway", "Gateway:InnerUrl", "http://127.0.0.1:8081/health", "Gateway:InnerUrl must be http, an address, and a port" },
        { "gateway", "Gateway:AllowedHosts:0", "https://gateway", "Gateway:AllowedHosts must hold names or addresses" },
        { "gateway", "Gateway:AllowedHosts:0", "gateway:8080", "Gateway:AllowedHosts must hold names or addresses" },
        { "gateway", "Gateway:AllowedHosts:0", "*", "Gateway:AllowedHosts must hold names or addresses" },
        { "gateway", "Gateway:AllowedHosts:0", "*.example.com", "Gateway:AllowedHosts must hold names or addresses" },
        { "gateway", "Gateway:AllowedHosts:0", "gаteway", "Gateway:AllowedHosts must hold names or addresses" }, // а is Cyrillic
        { "gateway", "Gateway:Tls:KeyFile", "/nowhere/tls.key", "Gateway:Tls:CertificateFile and Tls:KeyFile belong together" },
        { "gateway", "AuthMesh:Tls:CertificateFile", "/nowhere/tls.crt", "AuthMesh:Tls:KeyFile are for services behind the gateway" },
        { "resource-service", "AuthMesh:Tls:CertificateFile", "/nowhere/tls.crt", "AuthMesh:Tls:CertificateFile and Tls:KeyFile belong" },
        { "resource-service", "AuthMesh:Tls:RootCertificateFile", "/nowhere/ca.crt", "RootCertificateFile names a file that cannot" },
        { "identity-service", "AuthMesh:Tls:RootCertificateFile", "/dev/null", "RootCertificateFile names a file without a certificate" },
        { "gateway", "ReverseProxy:Routes:protected:Match:Methods:1", "post", "Match:Methods has post" },
        { "gateway", "ReverseProxy:Routes:protected:Match:Methods:1", "TRACE", "Match:Methods has TRACE" },
        { "gateway", "ReverseProxy:Routes:login:Match:Methods:1", "HEAD", "Match:Methods has HEAD without GET" },
        { "gateway", "ReverseProxy:Routes:protected:Metadata:SessionCookie", "Passed", "protected:Metadata:SessionCookie is Passed" },
        { "gateway", "Gateway:TrustedProxies:0", "proxy.example.com", "Gateway:TrustedProxies must hold addresses or networks" },
        { "gateway", "Gateway:TrustedProxies:0", "0.0.0.0/0", "Gateway:TrustedProxies must hold addresses or networks" },
        { "gateway", "Gateway:SessionTokens", "99", "Gateway:SessionTokens must be 100 to 1000000" },
        { "gateway", "ReverseProxy:Routes:login:Metadata:SessionCookie", "Always",
            "ReverseProxy:Routes:login:Metadata:SessionCookie is Always" },
        { "gateway", "ReverseProxy:Routes:login:Metadata:Cookies", "all", "ReverseProxy:Routes:login:Metadata:Cookies is all" },
        { "gateway", "ReverseProxy:Routes:protected:Metadata:Cookies", "device",
            "ReverseProxy:Routes:protected:Metadata:Cookies is device" },
        { "gateway", "ReverseProxy:Routes:protected:Metadata:MaxAge", "600", "ReverseProxy:Routes:protected:Metadata:MaxAge is 600" },
        { "gateway", "ReverseProxy:Routes:protected:Metadata:MaxAge", "-00:10:00", "protected:Metadata:MaxAge is -00:10:00" },
        { "gateway", "ReverseProxy:Routes:protected:Metadata:Acr", "aal1", "ReverseProxy:Routes:protected:Metadata:Acr is aal1" },
        { "gateway", "ReverseProxy:Routes:login:Metadata:Acr", "aal2", "ReverseProxy:Routes:login:AuthorizationPolicy is anonymous" },
        { "gateway", "ReverseProxy:Routes:refresh:Metadata:RateLimit", "signin", "Metadata:RateLimit is signin. Write anonymous, sign-in" },
        { "gateway", "ReverseProxy:Routes:jwks:Metadata:RateLimit", "None", "Metadata:RateLimit is None. Write anonymous, sign-in" },
        { "gateway", "ReverseProxy:Routes:logout:Metadata:RateLimit", "signed-in",
            "logout:Metadata:RateLimit is signed-in, and ReverseProxy:Routes:logout:AuthorizationPolicy is anonymous" },
        { "gateway", "ReverseProxy:Clusters:identity:Metadata:ServiceCredential", "yes",
            "Clusters:identity:Metadata:ServiceCredential is yes" },
        { "gateway", "ReverseProxy:Routes:login:AuthorizationPolicy", "", "ReverseProxy:Routes:login:AuthorizationPolicy is not set" },
        { "gateway", "ReverseProxy:Routes:login:AuthorizationPolicy", "everybody", "everybody" },
        { "gateway", "ReverseProxy:Routes:password:AuthorizationPolicy", "scope:", "AuthorizationPolicy is scope:. A scope must" },
        { "gateway", "ReverseProxy:Routes:totp:AuthorizationPolicy", "scope:mesh", "totp:AuthorizationPolicy is scope:mesh. A scope must" },
        { "gateway", "ReverseProxy:Routes:email:AuthorizationPolicy", "Route-Scope", "Routes:email uses the name route-scope" },
        { "gateway", "ReverseProxy:Routes:passkeys:Metadata:RouteScope", "scope:x", "Routes:passkeys uses the name route-scope" },
        { "gateway", "ReverseProxy:Routes:admin:Metadata:Audience", "https://other.example/admin",
            "Routes:admin:Metadata:Audience is https://other.example/admin. It must be AuthMesh:Issuer and a path" },
        { "gateway", "ReverseProxy:Routes:events:Metadata:Audience", ProductionMesh.Issuer + "/events/",
            "Routes:events:Metadata:Audience is https://auth.example.test/events/. It must be AuthMesh:Issuer and a path" },
        { "gateway", "ReverseProxy:Routes:live:Metadata:Audience", ProductionMesh.Issuer + "/l",
            "Routes:live:Match:Path is /live. The path must be /l or begin with /l/." },
        { "gateway", "ReverseProxy:Routes:register:Metadata:Audience", ProductionMesh.Issuer + "/register",
            "Metadata has Audience, and ReverseProxy:Routes:register:AuthorizationPolicy is anonymous" },
        { "gateway", "ReverseProxy:Routes:new:Match:Path", "/new", "ReverseProxy:Routes:new:AuthorizationPolicy is not set" },
        { "gateway", "ReverseProxy:Routes:login:ClusterId", "nowhere", "ReverseProxy:Routes:login:ClusterId names nowhere" },
        { "identity-service", "AuthMesh:Issuer", "http://auth.example.com", "must be https outside Development" },
        { "identity-service", "Identity:MasterKey", "", "must be base64 of 32 random bytes" },
        { "identity-service", "Identity:MasterKey", "c2hvcnQ=", "must be base64 of 32 random bytes" },
        { "identity-service", "Identity:MasterKey", PresetMasterKey, "is the preset one of the quick start" },
        { "identity-service", "Identity:MasterKeyFile", "/nowhere/master.key", "Identity:MasterKey and MasterKeyFile are both set" },
        { "identity-service", "Identity:PreviousMasterKey", "c2hvcnQ=",
            "Identity:PreviousMasterKey (or PreviousMasterKeyFile) must be base64 of 32 bytes" },
        { "identity-service", "Identity:PreviousMasterKeyFile", "/nowhere/master.key", "names a file that cannot be read" },
        { "identity-service", "Identity:PreviousMasterKeyFile", "/dev/null", "(or PreviousMasterKeyFile) must be base64 of 32 bytes" },
        { "identity-service", "Identity:Keys:RotationInterval", "00:00:09", "must be 00:00:10 to 365.00:00:00" },
        { "identity-service", "Identity:Keys:MaxAge", "01:00:01", "must be 00:00:01 to 01:00:00" },
        { "identity-service", "Identity:Keys:RotationInterval", "00:04:59",
            "Identity:Keys:MaxAge must not be longer than Keys:RotationInterval" },
        { "identity-service", "Identity:Keys:AcknowledgementCeiling", "00:00:00", "must be 00:00:01 to 1.00:00:00" },
        { "identity-service", Password, "/nowhere/password", "names a file that cannot be read" },
        { "identity-service", "Identity:Database:ConnectionString", "", "must name the server and the database" },
        { "identity-service", "Identity:Database:ConnectionString", "Host=h;Nonsense=1", "is not an Npgsql connection string" },
        { "identity-service", "Identity:Database:ConnectionString", "Host=h;Database=d;Password=authmesh-development",
            "has the preset password" },
        { "identity-service", "Identity:Database:ConnectionString", "Host=a,b;Database=d;Target Session Attributes=standby",
            "asks for a standby" },
        { "identity-service", "Identity:Database:ConnectionString", "Host=a,b,c,d,e,f,g,h,i,j;Database=d", "names more than 9 hosts" },
        { "identity-service", "Identity:Database:PasswordFile", PresetPasswordFile, "has the preset password" },
        { "identity-service", "Identity:DemoUsers", "true", "must be false outside Development" },
        { "identity-service", "Identity:DemoUsers", "perhaps", "Identity:DemoUsers" },
        { "identity-service", "Identity:Hashing:WorkFactor", "3", "must be 4 to 16" },
        { "identity-service", "Identity:Hashing:WorkFactor", "17", "must be 4 to 16" },
        { "identity-service", "Identity:Hashing:QueueLength", "63", "must be 64 to 1000" },
        { "identity-service", "Identity:Hashing:Threads", "-1", "must be 0 (as many as cores) to 64" },
        { "identity-service", "Identity:Hashing:LongestWait", "00:00:13", "must be 00:00:01 to 00:00:12" },
        { "identity-service", "Identity:Passwords:MinimumLength", "7", "must be 8 to 64" },
        { "identity-service", "Identity:Passwords:MinimumLength", "65", "must be 8 to 64" },
        { "identity-service", "Identity:Passwords:MaximumLength", "63", "must be 64 to 256" },
        { "identity-service", "Identity:Passwords:MaximumLength", "257", "must be 64 to 256" },
        { "identity-service", "Identity:Passwords:RefuseCommon", "sometimes", "Identity:Passwords:RefuseCommon" },
        { "identity-service", "Identity:Throttling:AccountAndNetwork:Attempts", "0",
            "Identity:Throttling:AccountAndNetwork:Attempts must be 1 to 1000000" },
        { "identity-service", "Identity:Throttling:Account:Attempts", "1000001",
            "Identity:Throttling:Account:Attempts must be 1 to 1000000" },
        { "identity-service", "Identity:Throttling:Network:Window", "00:00:00",
            "Identity:Throttling:Network:Window must be 00:00:01 to 1.00:00:00" },
        { "identity-service", "Identity:Throttling:Device:Window", "1.00:00:01",
            "Identity:Throttling:Device:Window must be 00:00:01 to 1.00:00:00" },
        { "identity-service", "Identity:Throttling:Registrations:Attempts", "-1",
            "Identity:Throttling:Registrations:Attempts must be 1 to 1000000" },
        { "identity-service", "Identity:Throttling:Devices:Attempts", "10", "Identity has no setting Devices" },
        { "identity-service", "Identity:BackchannelLogout:AllowedNetworks:0", "orders",
            "Identity:BackchannelLogout:AllowedNetworks must hold addresses or networks" },
        { "identity-service", "Identity:BackchannelLogout:AllowedNetworks:0", "0.0.0.0/0",
            "Identity:BackchannelLogout:AllowedNetworks must hold addresses or networks" },
        { "identity-service", "Identity:Mail:Host", "smtp://mail.example.com", "Identity:Mail:Host must be the name or address" },
        { "identity-service", "Identity:Mail:Host", "mail.example.com", "Identity:Mail:From must be the sender's address" },
        { "identity-service", "Identity:Mail:PasswordFile", "/nowhere/password", "Identity:Mail:PasswordFile names a file that cannot" },
        { "identity-service", "Identity:Mail:Templates", "/nowhere", "Identity:Mail:Templates names a folder that cannot be read" },
        { "identity-service", "Identity:Tokens:AccessTokenLifetime", "02:00:00", "must be 00:01:00 to 01:00:00" },
        { "identity-service", "Identity:FirstAdmin:Username", "an admin", "must be 3 to 64 of the characters" },
        { "identity-service", "Identity:FirstAdmin:Username", "01a206df-fd48-7e5c-bf0e-4b06949bffdd", "must not have the form of an id" },
        { "identity-service", "Identity:FirstAdmin:PasswordFile", "/nowhere/password", "names a file that cannot be read" },
        { "identity-service", "Identity:Hashing:WorkFaktor", "12", "Identity has no setting WorkFaktor" },
    };

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task A_bad_setting_stops_the_start_and_is_named(string service, string key, string value, string problem)
    {
        var start = BadStart.Of(new BadSetting(service, key, value, problem));

        var output = await start.Output;

        var lines = output.Split("\n  - ").Skip(1).ToList();
        Assert.Contains(lines, line => line.Contains(problem, StringComparison.Ordinal));
        Assert.All(lines, line => Assert.True(start.Settings.Exists(bad => bad.IsNamedIn(line)), "Nobody made this one bad: " + line));
        Assert.DoesNotContain("   at ", output, StringComparison.Ordinal);
        Assert.DoesNotContain(MasterKey, output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Several_bad_settings_are_reported_together()
    {
        var output = await RefusedAsync("identity-service", new Dictionary<string, string>
        {
            ["AuthMesh:Issuer"] = "http://auth.example.com",
            ["AuthMesh:ClockSkew"] = "00:05:00",
            ["Identity:MasterKey"] = PresetMasterKey,
            ["Identity:Hashing:WorkFactor"] = "40",
            ["Identity:DemoUsers"] = "true",
        });

        Assert.Contains("identity-service does not start:", output, StringComparison.Ordinal);
        Assert.Equal(5, output.Split("\n  - ").Length - 1);
        foreach (var key in new[] { "AuthMesh:Issuer", "AuthMesh:ClockSkew", "Identity:MasterKey", "Identity:Hashing:WorkFactor",
            "Identity:DemoUsers" })
        {
            Assert.Contains($"  - {key} ", output, StringComparison.Ordinal);
        }

        Assert.DoesNotContain(PresetMasterKey, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("resource-service", "An address in ASPNETCORE_URLS is https. Set AuthMesh:Tls:CertificateFile and AuthMesh:Tls:KeyFile.")]
    [InlineData("gateway", "Gateway:Tls:CertificateFile and Tls:KeyFile must name PEM files: an address in ASPNETCORE_URLS is https.")]
    public async Task An_https_address_without_a_certificate_stops_the_start(string service, string problem)
    {
        var output = await RefusedAsync(service, new() { ["urls"] = "https://127.0.0.1:0" });

        Assert.Contains("  - " + problem, output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("resource-service", "AuthMesh")]
    [InlineData("gateway", "Gateway")]
    public async Task A_certificate_without_an_https_address_or_with_another_key_stops_the_start(string service, string section)
    {
        using var folder = new CertificateFolder(TestAuthority.Shared.Issue());
        await File.WriteAllTextAsync(folder.KeyFile, TestAuthority.Shared.Issue().KeyPem, TestContext.Current.CancellationToken);

        var output = await RefusedAsync(service, new(folder.Settings(section)));

        Assert.Contains($"  - {section}:Tls:CertificateFile is set, and the service has no https", output, StringComparison.Ordinal);
        Assert.Contains($"  - {section}:Tls:KeyFile holds no private key in PEM that belongs to", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task TLS_at_the_gateway_needs_an_https_issuer()
    {
        using var folder = new CertificateFolder(TestAuthority.Shared.Issue());
        var output = await RefusedAsync(
            "gateway",
            new(folder.Settings("Gateway")) { ["urls"] = "https://127.0.0.1:0", ["AuthMesh:Issuer"] = "http://auth.example.test" });

        Assert.Contains("  - Gateway:Tls:CertificateFile needs an AuthMesh:Issuer that is https.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_route_does_not_name_the_audience_that_every_route_has()
    {
        var output = await RefusedAsync("gateway", new()
        {
            ["AuthMesh:Audience"] = ProductionMesh.Issuer + "/protected",
            ["ReverseProxy:Routes:protected:Metadata:Audience"] = ProductionMesh.Issuer + "/protected",
        });

        Assert.Contains(
            "Metadata:Audience is https://auth.example.test/protected, as AuthMesh:Audience is.", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_taken_address_stops_the_start_with_a_clear_message()
    {
        using var holder = new TcpListener(Loopback.Address, 0);
        holder.Start();

        var output = await RefusedAsync("resource-service", new() { ["urls"] = $"http://{holder.LocalEndpoint}" });

        Assert.Contains("  - Failed to bind to address", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("resource-service")]
    [InlineData("gateway")]
    [InlineData("identity-service")]
    public async Task The_unchanged_settings_start_the_service(string name)
    {
        await using var service = await ServiceProcess.StartAsync(name, Good(name), "Production", start: WithinThisProcess.StartAsync);
        using var caller = new Caller(service);

        await Patience.UntilAsync(async () =>
        {
            try
            {
                return (await caller.GetAsync("/health/live")).Status == 200;
            }
            catch (HttpRequestException) // the service does not listen yet
            {
                return false;
            }
        });
    }

    private static string WritePreset()
    {
        var file = Path.Combine(Path.GetTempPath(), "authmesh-tests-preset-password");
        File.WriteAllText(file, "authmesh-development\n");
        return file;
    }

    private static async Task<string> RefusedAsync(string name, Dictionary<string, string> bad)
    {
        var settings = new Dictionary<string, string>(Good(name).Concat(bad).GroupBy(setting => setting.Key).Select(group => group.Last()));
        await using var service = await ServiceProcess.StartAsync(name, settings, "Production", start: WithinThisProcess.StartAsync);
        Assert.Equal(1, await service.WaitForExitAsync(TimeSpan.FromSeconds(60)));
        return service.Output;
    }

    private static Dictionary<string, string> Good(string name) => name == "identity-service"
        ? new()
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["Identity:Database:ConnectionString"] = Connection,
            ["Identity:MasterKey"] = MasterKey,
            ["Identity:FirstAdmin:GeneratedPasswordFile"] = Path.Combine(Path.GetTempPath(), "authmesh-tests-generated-password"),
        }
        : new()
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["AuthMesh:IdentityUrl"] = "http://127.0.0.1:9",
        };

    private sealed record BadSetting(string Service, string Key, string Value, string Problem)
    {
        /// <summary>Bad settings with the same subject hide each other, so they are tried in different starts.</summary>
        public string Subject => Key.Split(':') switch
        {
            ["ReverseProxy", "Clusters", ..] => "ReverseProxy:Clusters",
            ["ReverseProxy", _, var route, ..] => route,
            ["Identity", "Database" or "Keys" or "Mail", ..] => string.Join(':', Key.Split(':')[..2]),
            _ when Key.EndsWith("File", StringComparison.Ordinal) => Key[..^"File".Length],
            _ => Key,
        };

        public bool IsNamedIn(string line) =>
            line.Contains(Problem, StringComparison.Ordinal) || line.Contains(Subject, StringComparison.Ordinal);

        /// <summary>
        /// A start reports all bad settings of a group together. It does not read routes if an options section is bad. A section that
        /// cannot be read at all, for a wrong type or an unknown key, reports only that. A bad cluster hides the faults of its routes.
        /// </summary>
        public string Group => Problem == Key || Problem.Contains("has no setting", StringComparison.Ordinal) ? $"{Service} {Key} {Value}"
            : Key.StartsWith("ReverseProxy:", StringComparison.Ordinal) ? $"{Service} {Key.Split(':')[1]}"
            : Service;
    }

    /// <summary>One start of one service with many bad settings, since each start costs a second of two cores.</summary>
    private sealed class BadStart
    {
        private static readonly List<BadStart> All = Plan();

        private readonly Lazy<Task<string>> output;

        private BadStart() => output = new(() => RefusedAsync(
            Settings[0].Service, new Dictionary<string, string>(Settings.Select(bad => KeyValuePair.Create(bad.Key, bad.Value)))));

        public List<BadSetting> Settings { get; } = [];

        public Task<string> Output => output.Value;

        public static BadStart Of(BadSetting bad) => All.Single(start => start.Settings.Contains(bad));

        /// <summary>The n-th start of a group has the n-th bad value of each setting that has so many.</summary>
        private static List<BadStart> Plan()
        {
            var starts = new List<BadStart>();
            foreach (var bad in Rows.Select(row => row.Data).Select(row => new BadSetting(row.Item1, row.Item2, row.Item3, row.Item4)))
            {
                var start = starts.Find(start =>
                    start.Settings[0].Group == bad.Group && start.Settings.TrueForAll(other => other.Subject != bad.Subject));
                if (start is null)
                {
                    starts.Add(start = new BadStart());
                }

                start.Settings.Add(bad);
            }

            return starts;
        }
    }
}
