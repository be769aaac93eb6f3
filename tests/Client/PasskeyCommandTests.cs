using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Passkeys;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Client;

/// <summary>A user looks after their passkeys with the client, at a real mesh.</summary>
public sealed class PasskeyCommandTests(ProductionMesh mesh) : IDisposable
{
    private readonly Authmesh client = new();

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task A_user_lists_renames_and_removes_passkeys()
    {
        var user = await mesh.Gateway.SignUpAsync();
        (await client.PipeAsync(user.Password + "\n", "login", user.Username, "--password-stdin", "--server", Server)).AssertExited(0);
        Assert.Equal("You have 0 passkeys\n", (await client.RunAsync("passkeys")).Output);
        foreach (var name in new[] { "Phone", "Twin", "Twin" })
        {
            Assert.Equal(200, (await mesh.Gateway.AddPasskeyAsync(user.Token, new(), name)).Status);
        }

        var list = await client.RunAsync("passkeys");
        list.AssertExited(0);
        Assert.Matches("(?s)^name +added +last used +synced +id\nPhone +[^\n]+ - +no +[0-9a-f-]{36}\nTwin .*\nTwin ", list.Output);
        var listed = (await client.RunAsync("passkeys", "--json")).Document().GetProperty("passkeys");
        Assert.Equal(3, listed.GetArrayLength());

        Assert.Equal("Passkey renamed\n", (await client.RunAsync("passkeys", "rename", "Phone", "My old phone")).Output);
        Assert.Equal("Passkey removed\n", (await client.RunAsync("passkeys", "remove", "My old phone")).Output);
        (await client.RunAsync("passkeys", "remove", "My old phone")).AssertFailed(1, "You have no passkey My old phone");
        (await client.RunAsync("passkeys", "remove", "Twin")).AssertFailed(2, "Several passkeys are named Twin");
        Assert.Equal(
            "success", (await client.RunAsync("passkeys", "remove", listed[1].Member("id")!, "--json")).Document().Member("status"));
        (await client.RunAsync("passkeys", "remove", "Twin")).AssertExited(0);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM passkeys WHERE user_id = $1", user.UserId));
    }

    public void Dispose() => client.Dispose();
}
