using AuthMesh.Tests.Harness;
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

    private async Task<string> AdminTokenAsync()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);
        return (await mesh.Gateway.SignInAsync(user.Username, user.Password)).Token;
    }
}
