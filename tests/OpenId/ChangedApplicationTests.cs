using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using Npgsql;

namespace AuthMesh.Tests.OpenId;

/// <summary>An admin takes a scope from an application while a request waits that was checked before.</summary>
public sealed class ChangedApplicationTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_code_never_holds_a_scope_that_was_taken_away_while_it_was_made()
    {
        var admin = await mesh.AdminTokenAsync();
        var flow = new CodeFlow(await mesh.Gateway.AddClientAsync(admin), "openid mesh");
        var (visitor, username) = await mesh.VisitSignedInAsync();
        await visitor.CodeAsync(flow);

        var answer = await TakeScopeWhileItWaitsAsync(
            admin, flow.Client, $"SELECT FROM users WHERE username = '{username}' FOR UPDATE", () => visitor.GetAsync(flow.Path()));

        var back = answer.LedBackTo(flow.Client.RedirectUri);
        Assert.DoesNotContain("code", back);
        Assert.Contains(back["error"], (string[])["login_required", "invalid_scope"]);
        await visitor.CodeAsync(new CodeFlow(flow.Client, "openid")); // what is left works
    }

    [Fact]
    public async Task A_device_never_gets_a_scope_that_was_taken_away_while_its_code_was_made()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await mesh.Gateway.AddDeviceClientAsync(admin);
        await mesh.Gateway.BeginDeviceAsync(client, "openid mesh");

        var answer = await TakeScopeWhileItWaitsAsync(
            admin, client, "SELECT FROM attempt_counts FOR UPDATE", () => mesh.Gateway.AuthorizeDeviceAsync(client, "openid mesh"));

        Assert.Contains(answer.Code, (string[])["invalid_client", "invalid_scope"]);
        await mesh.Gateway.BeginDeviceAsync(client, "openid");
    }

    private async Task<Answer> TakeScopeWhileItWaitsAsync(
        string admin, RegisteredClient client, string lockRows, Func<Task<Answer>> request)
    {
        await using var connection = new NpgsqlConnection(mesh.Database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var command = new NpgsqlCommand(lockRows, connection, transaction))
        {
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var waits = request();
        await mesh.Database.UntilOneWaitsAsync();
        var changed = await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { scopes = (string[])["openid"] });
        Assert.True(changed.Status == 200, changed.ToString());
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        return await waits;
    }
}
