using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Samples;

/// <summary>The example of an endpoint for applications. Gateway and service give the same answers, each by itself.</summary>
public sealed class StockTests(ProductionMesh mesh)
{
    private const string ForApplications = "Only applications may do this";

    [Fact]
    public async Task Applications_with_the_scope_read_the_stock_until_they_are_disabled()
    {
        var admin = await mesh.AdminTokenAsync();
        var made = await mesh.Gateway.AddApplicationAsync(admin, "stock.read", "stock.write");
        var (token, other) = (
            await mesh.Gateway.ServiceTokenAsync(made, "stock.read"), await mesh.Gateway.ServiceTokenAsync(made, "stock.write"));
        foreach (var caller in Places)
        {
            var answer = await caller.GetAsync("/stock", token);
            Assert.Equal(200, answer.Status);
            Assert.Equal(
                $$"""{"status":"success","message":"You are viewing the stock, {{made.ClientId}}!","client_id":"{{made.ClientId}}"}""",
                answer.Text);
            (await caller.GetAsync("/stock", other)).AssertError(403, "insufficient_scope", "This needs the scope stock.read");
        }

        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, made.Id, new { disabled = true })).Status);

        foreach (var caller in Places)
        {
            var refused = await Patience.UntilAsync(() => caller.GetAsync("/stock", token), answer => answer.Status != 200);
            refused.AssertError(401, "invalid_token");
        }
    }

    [Fact]
    public async Task Users_and_their_keys_do_not_read_the_stock()
    {
        var (_, _, token) = await mesh.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(token, "stock.read", "mesh");
        foreach (var caller in Places)
        {
            (await caller.GetAsync("/stock")).AssertError(401, "missing_token");
            (await caller.GetAsync("/stock", token)).AssertError(403, "forbidden", ForApplications);
            (await caller.GetAsync("/stock", await mesh.AdminTokenAsync())).AssertError(403, "forbidden", ForApplications);
            (await caller.GetAsync("/stock", await mesh.Identity.KeyTokenAsync(key.Key))).AssertError(403, "forbidden", ForApplications);
        }

        (await mesh.Gateway.GetAsync("/stock", key.Key)).AssertError(403, "forbidden", ForApplications);
    }

    private Caller[] Places => [mesh.Gateway, mesh.Resource];
}
