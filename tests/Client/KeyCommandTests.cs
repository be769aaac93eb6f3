using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Client;

/// <summary>A user looks after their keys with the client, at a real mesh.</summary>
public sealed class KeyCommandTests(ProductionMesh mesh) : IDisposable
{
    private readonly Authmesh client = new();

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task A_user_creates_lists_and_deletes_keys()
    {
        var user = await mesh.Gateway.SignUpAsync();
        (await client.PipeAsync(user.Password + "\n", "login", user.Username, "--password-stdin", "--server", Server)).AssertExited(0);
        Assert.Equal("You have 0 keys\n", (await client.RunAsync("keys")).Output);

        var created = await client.RunAsync("keys", "create", "nightly", "--scope", "mesh", "--scope", "orders.read", "--days", "7");
        created.AssertExited(0);
        Assert.Matches("^am_[0-9A-Za-z]{49}\n$", created.Output); // and nothing else, for a script
        Assert.Contains("not shown again", created.Errors, StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", created.Output.Trim())).Status);
        Assert.Equal(7, await mesh.Database.ScalarAsync<int>(
            "SELECT (extract(day FROM expires_at - created_at))::int FROM sessions WHERE user_id = $1 AND kind = 'key'", user.UserId));
        var second = (await client.RunAsync("keys", "create", "twin", "--scope", "a", "--json")).Document();
        Assert.Equal("success", second.Member("status"));
        (await client.RunAsync("keys", "create", "twin", "--scope", "b")).AssertExited(0);

        var list = await client.RunAsync("keys");
        list.AssertExited(0);
        Assert.Matches(
            "(?s)^name +scopes +last used +expires +id\nnightly +mesh orders.read +[^\n]+ [0-9a-f-]{36}\ntwin +a +- .*\ntwin +b ",
            list.Output);

        Assert.Equal("Key deleted\n", (await client.RunAsync("keys", "delete", "nightly")).Output);
        (await client.RunAsync("keys", "delete", "nightly")).AssertFailed(1, "You have no key nightly");
        (await client.RunAsync("keys", "delete", "twin")).AssertFailed(2, "Several keys are named twin");
        (await client.RunAsync("keys", "delete", second.Member("id")!)).AssertExited(0);
        (await client.RunAsync("keys", "create", "x", "--scope", "a b")).AssertFailed(1, "scopes: must be scopes");
        (await client.RunAsync("keys", "create", "x")).AssertFailed(2, "--scope");
        (await mesh.Identity.ExchangeKeyAsync(created.Output.Trim())).AssertError(401, "invalid_key");
    }

    public void Dispose() => client.Dispose();
}
