using AuthMesh.Identity.Mail;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Mail;
using AuthMesh.Tests.Streams;
using AuthMesh.Tests.Tls;
using Npgsql;

namespace AuthMesh.Tests.Observability;

/// <summary>Classes that look at one mesh from outside.</summary>
[CollectionDefinition]
public sealed class OnObservedMesh : ICollectionFixture<ObservedMesh>;

/// <summary>
/// A mesh that shows its metrics, and sends its traces and logs to a receiver. Its services run as processes: a collector within the test
/// process would hear the meters and activities of all others there.
/// </summary>
public sealed class ObservedMesh(ProductionMesh production) : IAsyncLifetime
{
    /// <summary>Where the SMTP server refuses every mail.</summary>
    private const string RefusedAddress = "refused@example.test";

    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
    private readonly Dictionary<string, Uri> metrics = new[] { "gateway", "identity-service", "resource-service" }
        .ToDictionary(service => service, _ => new Uri(Loopback.Origin(Ports.Free())));
    private readonly SmtpServer mails = new()
    {
        Answer = command => command.Contains(RefusedAddress, StringComparison.Ordinal) ? "550 no such mailbox" : null,
    };

    private readonly CertificateFolder certificate = new(TestAuthority.Shared.Issue()); // for the metric of its end

    private Mesh mesh = null!;

    internal Dashboard Receiver { get; private set; } = null!;

    public Mesh Mesh => mesh;

    public Caller Gateway { get; private set; } = null!;

    public Database Database { get; private set; } = null!;

    public string Username { get; } = ProductionMesh.NewName();

    public string Password { get; } = "a password for a test";

    /// <summary>The user's access token.</summary>
    public string UserToken { get; private set; } = "";

    /// <summary>A browser of the same user, with a session cookie.</summary>
    public Browser Browser { get; private set; } = null!;

    /// <summary>The address of a service that answers /metrics.</summary>
    public Uri MetricsOf(string service) => metrics[service];

    public async ValueTask InitializeAsync()
    {
        mails.Start();
        Receiver = await Dashboard.StartAsync();
        var connection = await production.Postgres.CreateDatabaseAsync();
        var options = InProduction.On(connection, new Dictionary<string, string>(Unthrottled.WithCheapHashes)
        {
            ["Identity:MasterKey"] = OwnDatabase.NewMasterKey(),
            ["Identity:FirstAdmin:GeneratedPasswordFile"] = Path.Combine(folder, "admin-password"),
            ["Identity:Throttling:AccountAndNetwork:Attempts"] = "2",
            ["Identity:Mail:Host"] = Loopback.Address.ToString(),
            ["Identity:Mail:Port"] = $"{mails.Port}",
            ["Identity:Mail:Tls"] = nameof(MailTls.None),
            ["Identity:Mail:From"] = "The Example <no-reply@example.test>",
        });
        var resourcePort = Ports.Free();
        mesh = await Mesh.StartAsync(options with
        {
            ResourcePort = resourcePort,
            Settings = new Dictionary<string, string>(options.Settings)
            {
                ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Receiver.OtlpOrigin,
                ["OTEL_BSP_SCHEDULE_DELAY"] = "100", // milliseconds between batches of spans, and of log entries
                ["OTEL_BLRP_SCHEDULE_DELAY"] = "100",
            },
            IdentitySettings = new Dictionary<string, string>(options.IdentitySettings)
            {
                [MetricsUrl] = Origin("identity-service"),
                ["Identity:Database:ConnectionString"] = NamedTwice(connection),
            },
            ResourceSettings = new Dictionary<string, string>(certificate.Settings("AuthMesh"))
            {
                [MetricsUrl] = Origin("resource-service"),
                ["urls"] = $"{Loopback.Origin(resourcePort)};https://localhost:{Ports.Free()}",
            },
            GatewaySettings = new Dictionary<string, string>(production.Echo.RouteSettings())
            {
                [MetricsUrl] = Origin("gateway"),
                ["Gateway:InnerUrl"] = Origin("gateway"),
            },
        });
        Gateway = new Caller(mesh.Gateway);
        Database = new Database(mesh.ConnectionString);
        Assert.Equal(200, (await Gateway.RegisterAsync(Username, Password)).Status);
        await UseAsync();
    }

    private const string MetricsUrl = "AuthMesh:MetricsUrl";

    // The durability is measured only where the connection string names several hosts.
    private static string NamedTwice(string connection)
    {
        var settings = new NpgsqlConnectionStringBuilder(connection);
        settings.Host = $"{settings.Host},{settings.Host}";
        return settings.ConnectionString;
    }

    private string Origin(string service) => metrics[service].GetLeftPart(UriPartial.Authority);

    /// <summary>Uses the mesh in the ways that its metrics count, so that each has a value.</summary>
    public async Task UseAsync()
    {
        // 1. Sign-ins that succeed, fail and are blocked, from an unknown device and from a known one.
        var stranger = ProductionMesh.NewName();
        int[] statuses = [401, 401, 429];
        foreach (var status in statuses)
        {
            Assert.Equal(status, (await Gateway.LoginAsync(stranger, "a wrong password")).Status);
        }

        Browser = new Browser(Gateway);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(200, (await Browser.PostAsync("/login", new { username = Username, password = Password })).Status);
        }

        // 2. Requests by cookie, by token, and to a service that does not run.
        UserToken = await Gateway.TokenAsync(Username, Password);
        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(200, (await Browser.GetAsync("/protected")).Status);
            Assert.Equal(200, (await Gateway.GetAsync("/protected", UserToken)).Status);
        }

        Assert.Equal(503, (await Gateway.GetAsync("/nobody", UserToken)).Status);

        // 3. Mails that are sent and that are refused, and a forgotten password.
        foreach (var address in (string[])[RefusedAddress, "taken@example.test"])
        {
            Assert.Equal(200, (await Gateway.PostAsync(
                "/register", new { username = ProductionMesh.NewName(), password = Password, email = address })).Status);
        }

        Assert.Equal(202, (await Gateway.PostAsync("/password/forgot", new { account = Username })).Status);

        // 4. A stream that ends with its session, which is a revocation.
        var token = await Gateway.TokenAsync(Username, Password);
        using var socket = await Gateway.OpenAsync(token);
        await Gateway.SendAsync(HttpMethod.Post, "/logout", change: request => request.Headers.Authorization = new("Bearer", token));
        Assert.Equal(4401, (await socket.UntilClosedAsync()).Code);
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        if (mesh is not null)
        {
            await mesh.DisposeAsync();
        }

        if (Receiver is not null)
        {
            await Receiver.DisposeAsync();
        }

        await mails.DisposeAsync();
        Directory.Delete(folder, recursive: true);
        certificate.Dispose();
    }
}
