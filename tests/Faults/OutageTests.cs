using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary>What still works while a part is down, and how the rest is refused. Nothing needs a restart afterwards.</summary>
[Collection<OnOwnMesh>]
public sealed class OutageTests(OwnMesh mesh)
{
    // Distinguishes an answer from a hang: shorter than the gateway's timeout for a login, longer than any machine needs.
    private static readonly TimeSpan BeforeTheGatewayGivesUp = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Without_the_identity_service_tokens_stay_valid_and_a_login_is_503()
    {
        await mesh.WholeAsync();
        var (name, password, token) = await mesh.SignUpAsync();

        var logsBefore = Verifiers.Select(verifier => verifier.Output.Length).ToList();
        mesh.Mesh.Identity.Kill();
        await mesh.Mesh.Identity.Exited;

        await AssertStillValidatedAsync(token);
        AssertComeBackLater(await mesh.Gateway.LoginAsync(name, password), "service_unavailable");
        AssertComeBackLater(await mesh.Gateway.RegisterAsync(ProductionMesh.NewName(), password), "service_unavailable");
        AssertComeBackLater(await mesh.Gateway.GetAsync("/.well-known/jwks.json"), "service_unavailable");
        await Task.WhenAll(Verifiers.Zip(logsBefore, (verifier, from) => verifier.UntilLoggedAsync("Cannot fetch keys from", from)));
        await AssertStillValidatedAsync(token); // even after a failed key refresh

        await mesh.Mesh.Identity.RestartAsync();

        await Patience.UntilAsync(() => mesh.Gateway.LoginAsync(name, password), answer => answer.Status == 200);
        await AssertStillValidatedAsync(token);
    }

    [Fact]
    public async Task While_the_identity_service_hangs_tokens_stay_valid()
    {
        await mesh.WholeAsync();
        var (name, password, token) = await mesh.SignUpAsync();

        mesh.Mesh.Identity.Suspend();
        try
        {
            await AssertStillValidatedAsync(token).WaitAsync(BeforeTheGatewayGivesUp, TestContext.Current.CancellationToken);
        }
        finally
        {
            mesh.Mesh.Identity.Resume();
        }

        await Patience.UntilAsync(() => mesh.Gateway.LoginAsync(name, password), answer => answer.Status == 200);
    }

    [Fact]
    public async Task A_login_at_a_hanging_identity_service_is_503_after_the_routes_timeout()
    {
        await mesh.WholeAsync();
        var (name, password, _) = await mesh.SignUpAsync();
        var settings = new Dictionary<string, string>(mesh.Mesh.Gateway.Settings)
        {
            ["ReverseProxy:Routes:login:Timeout"] = "00:00:01",
            ["ReverseProxy:Clusters:identity:HealthCheck:Active:Enabled"] = "false", // so that the timeout ends the wait
        };
        await using var impatient = await ServiceProcess.StartAsync("gateway", settings, mesh.Mesh.Gateway.Environment);
        await impatient.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var gateway = new Caller(impatient);
        Assert.Equal(200, (await gateway.LoginAsync(name, password)).Status);

        mesh.Mesh.Identity.Suspend();
        try
        {
            AssertComeBackLater(await gateway.LoginAsync(name, password), "service_unavailable");
        }
        finally
        {
            mesh.Mesh.Identity.Resume();
        }

        await Patience.UntilAsync(() => gateway.LoginAsync(name, password), answer => answer.Status == 200);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Without_PostgreSQL_tokens_and_keys_still_work_and_accounts_are_503(bool isKilled)
    {
        await mesh.WholeAsync();
        var (name, password, token) = await mesh.SignUpAsync();
        var newcomer = ProductionMesh.NewName();
        var keys = (await mesh.Gateway.GetAsync("/.well-known/jwks.json")).Text;
        var processes = mesh.Mesh.Services.Select(service => service.Exited).ToList();

        await (isKilled ? mesh.Postgres.KillAsync() : mesh.Postgres.StopAsync());

        await AssertStillValidatedAsync(token);
        var keysMeanwhile = await mesh.Gateway.GetAsync("/.well-known/jwks.json");
        Assert.Equal((200, keys), (keysMeanwhile.Status, keysMeanwhile.Text));
        AssertComeBackLater(await mesh.Gateway.LoginAsync(name, password), "database_unavailable");
        AssertComeBackLater(await mesh.Gateway.LoginAsync(name, "not " + password), "database_unavailable");
        AssertComeBackLater(await mesh.Gateway.RegisterAsync(newcomer, password), "database_unavailable");

        await mesh.Postgres.StartAgainAsync();

        await Patience.UntilAsync(() => mesh.Gateway.LoginAsync(name, password), answer => answer.Status == 200);
        await Patience.UntilAsync(() => mesh.Gateway.RegisterAsync(newcomer, password), answer => answer.Status == 200);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(newcomer, password)).Status);
        await AssertStillValidatedAsync(token);
        Assert.All(processes, exited => Assert.False(exited.IsCompleted));
    }

    [Fact]
    public async Task A_statement_that_PostgreSQL_blocks_is_503_and_not_a_hang()
    {
        await mesh.WholeAsync();
        var (name, password, token) = await mesh.SignUpAsync();

        await using (var connection = new NpgsqlConnection(mesh.Database.ConnectionString))
        {
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await using var command = new NpgsqlCommand("LOCK TABLE users IN ACCESS EXCLUSIVE MODE", connection);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

            // This is the identity service's code. The gateway's code, after its timeout, would be another.
            AssertComeBackLater(await mesh.Gateway.LoginAsync(name, password), "database_unavailable");
            AssertComeBackLater(await mesh.Gateway.RegisterAsync(ProductionMesh.NewName(), password), "database_unavailable");
            await AssertStillValidatedAsync(token);
        }

        await Patience.UntilAsync(() => mesh.Gateway.LoginAsync(name, password), answer => answer.Status == 200);
    }

    [Fact]
    public async Task A_PostgreSQL_that_accepts_connections_and_never_answers_is_503_and_not_a_hang()
    {
        await mesh.WholeAsync();
        var (name, password, token) = await mesh.SignUpAsync();
        using var relay = new Relay(mesh.Postgres.Port);
        var connection = new NpgsqlConnectionStringBuilder(
            mesh.Mesh.Identity.Settings["Identity:Database:ConnectionString"])
        { Port = relay.Port };
        var settings = new Dictionary<string,
            string>(mesh.Mesh.Identity.Settings)
        { ["Identity:Database:ConnectionString"] = connection.ConnectionString };
        await using var replica = await ServiceProcess.StartAsync("identity-service", settings, mesh.Mesh.Identity.Environment);
        await replica.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(replica);
        Assert.Equal(200, (await identity.LoginAsync(name, password)).Status);

        relay.FallSilent();

        foreach (var _ in (string[])["over a connection from before", "over a new one"])
        {
            AssertComeBackLater(
                await identity.LoginAsync(name, password).WaitAsync(BeforeTheGatewayGivesUp, TestContext.Current.CancellationToken),
                "database_unavailable");
        }

        Assert.Equal(200, (await identity.GetAsync("/.well-known/jwks.json")).Status);
        await AssertStillValidatedAsync(token);

        relay.Speak();

        await Patience.UntilAsync(() => identity.LoginAsync(name, password), answer => answer.Status == 200);
    }

    private IEnumerable<ServiceProcess> Verifiers => [mesh.Mesh.Gateway, mesh.Mesh.Resource];

    private async Task AssertStillValidatedAsync(string token)
    {
        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            Assert.Equal(200, (await verifier.GetAsync("/protected", token)).Status);
            (await verifier.GetAsync("/admin", token)).AssertError(403, "forbidden");
            (await verifier.GetAsync("/protected")).AssertError(401, "missing_token");
            // A wrong signature is refused, which shows that the verifiers still validate.
            (await verifier.GetAsync("/protected", token[..^8] + "AAAAAAAA")).AssertError(401, "invalid_token");
        }
    }

    private static void AssertComeBackLater(Answer answer, string code)
    {
        answer.AssertError(503, code);
        Assert.Matches("^[1-9][0-9]*$", answer.Header("Retry-After"));
    }
}
