using System.Globalization;
using System.Net.Http.Json;
using AuthMesh.Issuer;
using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Throttling;

/// <summary>Classes that count guesses on one mesh. One class runs at a time, because each moves the stored time.</summary>
[CollectionDefinition]
public sealed class OnThrottledMesh : ICollectionFixture<ThrottledMesh>;

/// <summary>Two identity services on one database and a gateway, with the default limits. Admins need two factors.</summary>
public sealed class ThrottledMesh(ProductionMesh production) : IAsyncLifetime
{
    public const string WrongPassword = "a wrong password";

    private static int networks;

    private OwnDatabase own = null!;
    private Mesh mesh = null!;
    private Caller[] replicas = [];

    public Database Database => own.Database;

    public Caller Gateway { get; private set; } = null!;

    public MailFolder Mails { get; private set; } = null!;

    /// <summary>The log of the identity services.</summary>
    public string Log => string.Concat(mesh.Identities.Select(replica => replica.Output));

    /// <summary>A network that no test has used before.</summary>
    public static string NewNetwork()
    {
        var number = Interlocked.Increment(ref networks);
        return $"10.{number >> 16}.{(number >> 8) & 255}.{number & 255}";
    }

    public async ValueTask InitializeAsync()
    {
        own = await OwnDatabase.CreateAsync(production);
        // With a replica's usual number of connections.
        own.Settings["Identity:Database:ConnectionString"] = own.Database.ConnectionString;
        var settings = new Dictionary<string, string>(own.Settings.Where(setting => !Unthrottled.Settings.ContainsKey(setting.Key)));
        settings["Identity:Admins:RequireTwoFactors"] = "true";
        mesh = await Mesh.StartAsync(
            InProduction.On(own.Database.ConnectionString, settings) with
            {
                Start = WithinThisProcess.StartAsync,
                IdentityReplicas = 2,
                WritesMails = true,
            });
        Mails = new MailFolder(mesh.MailFolder);
        Gateway = new Caller(mesh.Gateway);
        replicas = [.. mesh.Identities.Select(replica => new Caller(replica))];
    }

    /// <summary>Alternates between the replicas.</summary>
    public Caller Replica(int i) => replicas[i % replicas.Length];

    /// <summary>Adds the headers that the gateway sends to a replica for a caller with that address.</summary>
    public static Action<HttpRequestMessage> From(string address) => request =>
    {
        request.Headers.Add(IssuerConnection.ServiceKeyHeader, ProductionMesh.ServiceKey);
        request.Headers.TryAddWithoutValidation("X-Forwarded-For", address);
    };

    public Task<Answer> LoginAsync(string username, string password, string address, string? deviceCookie = null, int replica = 0) =>
        Replica(replica).LoginAsync(username, password, deviceCookie, From(address));

    public Task<Answer> RegisterAsync(string username, string password, string address, int replica = 0) => Replica(replica).SendAsync(
        HttpMethod.Post, "/register", JsonContent.Create(new { username, password }), From(address));

    /// <summary>Sends the caller's password, right or wrong, with a call that asks for it.</summary>
    public Task<Answer> ConfirmAsync(SignedIn user, string password, string address, string newPassword = "another password") =>
        Replica(0).SendAsync(
        HttpMethod.Post, "/account/password",
        JsonContent.Create(new { current_password = password, new_password = newPassword }), request =>
        {
            From(address)(request);
            request.Headers.Authorization = new("Bearer", user.Token);
        });

    public async Task<SignedIn> SignUpAsync(string address, string? name = null)
    {
        name ??= ProductionMesh.NewName();
        Assert.Equal(200, (await RegisterAsync(name, SessionCalls.Password, address)).Status);
        return await SignInAsync(name, address);
    }

    public async Task<SignedIn> SignInAsync(string name, string address, string? deviceCookie = null)
    {
        var answer = await LoginAsync(name, SessionCalls.Password, address, deviceCookie);
        Assert.Equal(200, answer.Status);
        return new SignedIn(name, SessionCalls.Password, answer);
    }

    /// <summary>Sends wrong passwords for one name, each of which is checked.</summary>
    public async Task GuessAsync(int times, string username, string address, string? deviceCookie = null)
    {
        for (var i = 0; i < times; i++)
        {
            (await LoginAsync(username, WrongPassword, address, deviceCookie, i)).AssertError(401, "invalid_credentials");
        }
    }

    /// <summary>Uses up an account's limit for unknown devices.</summary>
    public async Task BurnAsync(string username)
    {
        for (var i = 0; i < 5; i++)
        {
            await GuessAsync(10, username, NewNetwork());
        }

        AssertTooMany(await LoginAsync(username, WrongPassword, NewNetwork()), TimeSpan.FromHours(1));
    }

    /// <returns>The time until the next attempt.</returns>
    public static TimeSpan AssertTooMany(Answer answer, TimeSpan window)
    {
        answer.AssertError(429, "too_many_attempts");
        Assert.StartsWith("Too many attempts. Try again in ", answer.Message, StringComparison.Ordinal);
        var retryAfter = TimeSpan.FromSeconds(int.Parse(answer.Header("Retry-After")!, CultureInfo.InvariantCulture));
        Assert.InRange(retryAfter, window - TimeSpan.FromMinutes(2), window); // the tests take less
        Assert.Contains(
            FormattableString.Invariant($" {Math.Ceiling(retryAfter.TotalMinutes)} minutes"), answer.Message, StringComparison.Ordinal);
        return retryAfter;
    }

    /// <summary>Moves the stored time of all counts.</summary>
    public Task AgeAsync(TimeSpan time) =>
        Database.ExecuteAsync("UPDATE attempt_counts SET resets_at = resets_at - $1 WHERE resets_at > '-infinity'", time);

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        foreach (var replica in replicas)
        {
            replica.Dispose();
        }

        if (mesh is not null)
        {
            await mesh.DisposeAsync();
        }

        await own.DisposeAsync();
    }
}
