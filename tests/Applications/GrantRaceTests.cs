using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;
using Npgsql;

namespace AuthMesh.Tests.Applications;

/// <summary>Two replicas act on one application at the same moment.</summary>
[Collection<OnTwoReplicas>]
public sealed class GrantRaceTests(TwoReplicas mesh)
{
    [Fact]
    public async Task No_token_of_a_disabled_application_is_usable_afterwards()
    {
        var admin = await AdminTokenAsync();
        var granted = 0;
        for (var round = 0; round < 100; round++)
        {
            var made = await mesh.Replica(0).AddApplicationAsync(admin, "orders.read");
            var answers = await Together.RunAsync(
                () => mesh.Replica(round).ChangeApplicationAsync(admin, made.Id, new { disabled = true }),
                () => mesh.Replica(round + 1).TokenAsync(made, scope: null),
                () => mesh.Replica(round).TokenAsync(made, scope: null));

            Assert.Equal(200, answers[0].Status);
            foreach (var answer in answers[1..].Where(answer => answer.Status == 200))
            {
                granted++;
                Assert.True(await mesh.Database.IsRevokedAsync(new JsonWebToken(answer.Member("access_token")!)));
            }

            (await mesh.Replica(round).TokenAsync(made, scope: null)).AssertProtocolError(401, "invalid_client");
        }

        Assert.InRange(granted, 1, 199); // otherwise no round was a race
    }

    public static TheoryData<string> Changes => ["disabled", "secret removed"];

    /// <summary>An admin's transaction holds the application when its first token is asked for.</summary>
    [Theory]
    [MemberData(nameof(Changes))]
    public async Task A_first_token_that_waited_for_an_admin_sees_what_the_admin_did(string change)
    {
        var admin = await AdminTokenAsync();
        var made = await mesh.Replica(0).AddApplicationAsync(admin, "orders.read");
        await using var holder = new NpgsqlConnection(mesh.Database.ConnectionString);
        await holder.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await RunAsync("SELECT 1 FROM applications WHERE id = $1 FOR NO KEY UPDATE");

        var waiting = mesh.Replica(0).TokenAsync(made, scope: null);
        await mesh.Database.UntilOneWaitsAsync();
        await RunAsync(change == "disabled"
            ? "UPDATE applications SET disabled_at = now() WHERE id = $1" : "DELETE FROM application_secrets WHERE application_id = $1");
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        (await waiting).AssertProtocolError(401, "invalid_client");
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE application_id = $1", made.Id));

        async Task RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, holder) { Parameters = { new NpgsqlParameter { Value = made.Id } } };
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task An_assertion_counts_once_on_two_replicas()
    {
        using var key = AssertionKey.Ec();
        var client = await mesh.Replica(0).AddClientAsync(
            await AdminTokenAsync(), settings: new { jwks = key.Jwks, require_consent = true, first_party = false }, scopes: ["openid"]);
        for (var round = 0; round < 3; round++)
        {
            var assertion = AssertionKey.Form(key.Sign(client.ClientId));

            var answers = await Together.RunAsync(100, i => mesh.Replica(i).FormAsync("/introspect", [("token", "x"), .. assertion]));

            Assert.Single(answers, answer => answer.Status == 200);
            Assert.Equal(99, answers.Count(answer => answer is { Status: 401, Code: "invalid_client" }));
        }
    }

    [Fact]
    public async Task A_first_token_by_a_key_sees_that_an_admin_removed_the_key()
    {
        using var key = AssertionKey.Ec();
        var admin = await AdminTokenAsync();
        var made = await mesh.Replica(0).CallAsync(
            HttpMethod.Post, "/applications", admin,
            new { client_id = "app-" + Guid.NewGuid().ToString("N")[..12], scopes = new[] { "orders.read" }, jwks = key.Jwks });
        var application = made.Json.GetProperty("application");
        var (id, clientId) = (application.GetProperty("id").GetGuid(), application.GetProperty("client_id").GetString()!);
        await using var holder = new NpgsqlConnection(mesh.Database.ConnectionString);
        await holder.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await RunAsync("SELECT 1 FROM applications WHERE id = $1 FOR NO KEY UPDATE");

        var waiting = mesh.Replica(0).TokenAsync([("grant_type", "client_credentials"), .. AssertionKey.Form(key.Sign(clientId))]);
        await mesh.Database.UntilOneWaitsAsync();
        await RunAsync("UPDATE applications SET jwks = NULL WHERE id = $1");
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        (await waiting).AssertProtocolError(401, "invalid_client");
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE application_id = $1", id));

        async Task RunAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, holder) { Parameters = { new NpgsqlParameter { Value = id } } };
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }
    }

    private async Task<string> AdminTokenAsync()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);
        return (await mesh.Gateway.SignInAsync(user.Username, user.Password)).Token;
    }
}
