using System.Net;
using System.Net.Http.Json;
using AuthMesh.Testing;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notes;

namespace AuthMesh.Tests.Testing;

/// <summary>Tests of the sample service as its team would write them, without any mesh.</summary>
public sealed class TestIssuerTests(TestIssuerTests.Service service) : IClassFixture<TestIssuerTests.Service>
{
    private TestIssuer Mesh => service.Mesh;

    [Fact]
    public async Task A_user_reads_what_they_wrote_and_nobody_elses()
    {
        using var alice = Mesh.Client("alice");
        using var bob = Mesh.Client("bob");

        await alice.PostAsJsonAsync("/notes", new NewNote("hers"), TestContext.Current.CancellationToken);

        Assert.Equal("hers", Assert.Single(await ReadAsync(Mesh.Client("alice"))).Text); // the same user in another session
        Assert.Empty(await ReadAsync(bob));
    }

    [Theory]
    [InlineData("/notes/about", 200, 200, 200)]
    [InlineData("/notes", 401, 200, 200)]
    [InlineData("/notes/all", 401, 403, 200)]
    [InlineData("/notes/count", 401, 200, 200)]
    [InlineData("/notes/export", 401, 403, 403)]
    public async Task Each_endpoint_admits_whom_it_names(string path, int nobody, int user, int admin)
    {
        Assert.Equal(nobody, await StatusAsync(Mesh.Client(), path));
        Assert.Equal(user, await StatusAsync(Mesh.Client("alice"), path));
        Assert.Equal(admin, await StatusAsync(Mesh.Client("root", "admin"), path));
    }

    [Fact]
    public async Task Scopes_limit_a_key_and_an_application_is_no_user()
    {
        var (key, whole) = (Mesh.Token("alice", scope: "notes.read"), Mesh.Token("alice", scope: "mesh"));
        var application = Mesh.ApplicationToken("nightly", "notes.read");

        Assert.Equal(200, await StatusAsync(Mesh.Client(key), "/notes/count"));
        Assert.Equal(403, await StatusAsync(Mesh.Client(key), "/notes"));
        Assert.Equal(200, await StatusAsync(Mesh.Client(whole), "/notes/count"));
        Assert.Equal(200, await StatusAsync(Mesh.Client(whole), "/notes"));
        Assert.Equal(200, await StatusAsync(Mesh.Client(application), "/notes/export"));
        Assert.Equal(403, await StatusAsync(Mesh.Client(application), "/notes"));
        Assert.Equal(403, await StatusAsync(Mesh.Client(Mesh.ApplicationToken("nightly", "orders.read")), "/notes/export"));
    }

    [Fact]
    public async Task A_revoked_session_is_refused_and_others_go_on()
    {
        var (ended, other) = (Mesh.Token("alice"), Mesh.Token("alice"));
        Assert.Equal(200, await StatusAsync(Mesh.Client(ended), "/notes"));

        Mesh.Revoke(ended);

        Assert.Equal(401, await StatusAsync(Mesh.Client(ended), "/notes"));
        Assert.Equal(200, await StatusAsync(Mesh.Client(other), "/notes"));
    }

    [Fact]
    public async Task A_new_epoch_ends_all_sessions_of_one_user_and_the_next_token_counts()
    {
        var (dave, erin) = (Mesh.Token("dave"), Mesh.Token("erin"));

        Mesh.RevokeAll("dave");

        Assert.Equal(401, await StatusAsync(Mesh.Client(dave), "/notes"));
        Assert.Equal(200, await StatusAsync(Mesh.Client(erin), "/notes"));
        Assert.Equal(200, await StatusAsync(Mesh.Client(Mesh.Token("dave")), "/notes"));
    }

    [Fact]
    public async Task An_old_token_and_a_stranger_s_are_refused()
    {
        await using var other = service.Start();

        Assert.Equal(401, await StatusAsync(Mesh.Client(Mesh.Token(lifetime: TimeSpan.FromMinutes(-5))), "/notes"));
        Assert.Equal(401, await StatusAsync(Mesh.Client(other.Token()), "/notes")); // the same claims, another key
        var token = Mesh.Token().Value;
        using var forged = Mesh.Client(new TestToken(token[..^2] + (token[^2] == 'A' ? "B" : "A") + token[^1], default, default));
        Assert.Equal(401, await StatusAsync(forged, "/notes"));
    }

    [Fact]
    public async Task A_distrusted_key_is_refused_and_the_next_one_counts()
    {
        await using var own = service.Start();
        var before = own.Token();
        Assert.Equal(200, await StatusAsync(own.Client(before), "/notes"));

        own.DistrustKey();

        Assert.Equal(401, await StatusAsync(own.Client(before), "/notes"));
        Assert.Equal(200, await StatusAsync(own.Client("alice"), "/notes"));
    }

    [Theory]
    [InlineData("Accept", 200)]
    [InlineData("Reject", 503)]
    public async Task Without_news_the_service_does_what_it_is_set_to(string onStale, int status)
    {
        await using var own = service.Start(("AuthMesh:Revocations:OnStale", onStale));
        Assert.Equal(200, await StatusAsync(own.Client("alice"), "/notes"));

        own.GoStale();

        Assert.Equal(status, await StatusAsync(own.Client("alice"), "/notes"));
        Assert.Equal(200, await StatusAsync(own.Client(), "/notes/about"));
        Assert.Contains("degraded", await own.Client().GetStringAsync("/health/ready", TestContext.Current.CancellationToken),
            StringComparison.OrdinalIgnoreCase);

        own.Recover();

        Assert.Equal(200, await StatusAsync(own.Client("alice"), "/notes"));
    }

    [Fact]
    public async Task A_deletion_demands_a_recent_proof_and_gets_it_from_a_new_token()
    {
        using var alice = Mesh.Client("carol");
        Assert.Equal(HttpStatusCode.OK, (await alice.DeleteAsync("/notes", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public void A_service_that_is_not_behind_the_mesh_says_so()
    {
        using var factory = Quiet();
        using var bare = factory.WithWebHostBuilder(host => host.ConfigureServices(services =>
        {
            foreach (var own in services.Where(own => own.ServiceType.Name == "IssuerServices").ToList())
            {
                services.Remove(own);
            }
        }));
        var fault = Assert.ThrowsAny<InvalidOperationException>(() => bare.WithAuthMesh().Client());
        Assert.Contains("does not call AddAuthMesh()", fault.ToString(), StringComparison.Ordinal);
    }

    /// <summary>Starts the service without its log, which would stand between the lines of the test runner.</summary>
    private static WebApplicationFactory<Note> Quiet() =>
        new WebApplicationFactory<Note>().WithWebHostBuilder(host => host.ConfigureLogging(log => log.ClearProviders()));

    private static async Task<int> StatusAsync(HttpClient client, string path)
    {
        using (client)
        using (var answer = await client.GetAsync(path, TestContext.Current.CancellationToken))
        {
            return (int)answer.StatusCode;
        }
    }

    private static async Task<List<Note>> ReadAsync(HttpClient client) =>
        (await client.GetFromJsonAsync<List<Note>>("/notes", TestContext.Current.CancellationToken))!;

    public sealed class Service : IDisposable
    {
        private readonly WebApplicationFactory<Note> factory = Quiet();

        public Service() => Mesh = factory.WithAuthMesh();

        public TestIssuer Mesh { get; }

        /// <summary>Starts the service once more, with an issuer of its own.</summary>
        public TestIssuer Start(params (string Key, string Value)[] settings) => factory.WithWebHostBuilder(host =>
        {
            foreach (var (key, value) in settings)
            {
                host.UseSetting(key, value);
            }
        }).WithAuthMesh();

        public void Dispose()
        {
            Mesh.Dispose();
            factory.Dispose();
        }
    }
}
