using System.Text.Json;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>An admin looks after applications with the client, at a real mesh.</summary>
public sealed class ApplicationCommandTests(ProductionMesh mesh) : IDisposable
{
    private readonly Authmesh admin = new();

    [Fact]
    public async Task An_admin_creates_changes_and_deletes_an_application()
    {
        var clientId = "app-" + Guid.NewGuid().ToString("N")[..12];
        (await admin.PipeAsync(
            ProductionMesh.AdminPassword + "\n", "login", "admin", "--password-stdin", "--server",
            mesh.Gateway.Address.GetLeftPart(UriPartial.Authority))).AssertExited(0);

        var created = await RunAsync("create", clientId, "--scope", "orders.read", "--scope", "orders.write", "--name", "Nightly job");
        created.AssertExited(0);
        Assert.Matches("^[A-Za-z0-9_-]{43}\n$", created.Output); // and nothing else, for a script
        Assert.Contains("not shown again", created.Errors, StringComparison.Ordinal);
        var first = new MadeApplication(Guid.Empty, clientId, created.Output.Trim(), Guid.Empty);
        await mesh.Gateway.ServiceTokenAsync(first);
        var list = await admin.RunAsync("applications");
        Assert.Matches("(?s)^client id +name +scopes +state +last used\n", list.Output);
        Assert.Matches($"\n{clientId} +Nightly job +orders.read orders.write +active +2", list.Output);

        var added = await RunAsync("add-secret", clientId);
        added.AssertExited(0);
        var second = first with { Secret = added.Output.Trim() };
        var ids = (await RunAsync("secrets", clientId)).Output.Split('\n')[1..3].Select(line => line.Split(' ')[0]).ToArray();
        var document = JsonElement.Parse((await RunAsync("secrets", clientId, "--json")).Output);
        Assert.Equal("2 secrets", document.GetProperty("message").GetString());
        Assert.Equal(ids, document.GetProperty("secrets").EnumerateArray().Select(secret => secret.GetProperty("id").GetString()));
        Assert.Equal("Secret removed\n", (await RunAsync("remove-secret", clientId, ids[0])).Output);
        (await mesh.Gateway.TokenAsync(first, scope: null)).AssertProtocolError(401, "invalid_client");
        await mesh.Gateway.ServiceTokenAsync(second);

        Assert.Equal($"Application {clientId} changed\n", (await RunAsync("scopes", clientId, "--scope", "orders.read")).Output);
        Assert.Equal("orders.read", (await mesh.Gateway.TokenAsync(second, scope: null)).Member("scope"));
        Assert.Equal($"Application {clientId} changed\n", (await RunAsync("disable", clientId)).Output);
        (await mesh.Gateway.TokenAsync(second, scope: null)).AssertProtocolError(401, "invalid_client");
        (await RunAsync("enable", clientId)).AssertExited(0);
        await mesh.Gateway.ServiceTokenAsync(second);
        Assert.Equal("Secret removed\n", (await RunAsync("remove-secret", clientId, ids[1], "--leaked")).Output);

        (await RunAsync("remove-secret", clientId, "../x")).AssertFailed(2, "../x is not the id of a secret");
        (await RunAsync("disable", clientId + "x")).AssertFailed(1, $"No application has the client_id {clientId}x");
        (await RunAsync("create", "A B", "--scope", "a")).AssertFailed(1, "client_id: must be");
        (await RunAsync("delete", clientId)).AssertFailed(2, "Cannot ask for confirmation without a terminal");
        Assert.Equal($"Application {clientId} deleted\n", (await RunAsync("delete", clientId, "--yes")).Output);
    }

    public void Dispose() => admin.Dispose();

    private Task<Finished> RunAsync(params string[] arguments) => admin.RunAsync(["applications", .. arguments]);
}
