using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

/// <summary>A service that starts before its dependencies waits for them, says so, and becomes ready by itself.</summary>
[Collection<OnOwnMesh>]
public sealed class StartOrderTests(OwnMesh mesh)
{
    [Fact]
    public async Task Each_service_waits_for_an_empty_PostgreSQL_that_starts_last_and_names_its_reason()
    {
        await mesh.WholeAsync();
        var (name, password, token) = await mesh.SignUpAsync();
        await mesh.Database.ExecuteAsync("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        await StopAllAsync();
        await mesh.Postgres.StopAsync();
        var logBefore = mesh.Mesh.Identity.Output.Length;

        await mesh.Mesh.Gateway.RestartAsync();
        await mesh.Mesh.Resource.RestartAsync();
        await AssertWaitsAsync(mesh.Gateway, "waiting for the signing keys", "no destination is ready for identity");
        await AssertWaitsAsync(mesh.Resource, "waiting for the signing keys");
        await AssertTokensCannotBeCheckedAsync(token);

        await mesh.Mesh.Identity.RestartAsync();
        await AssertWaitsAsync(mesh.Identity, "waiting for PostgreSQL: PostgreSQL cannot be reached", "waiting for the signing keys");
        await AssertWaitsAsync(mesh.Gateway, "waiting for the signing keys");
        foreach (var identity in new[] { mesh.Identity, mesh.Gateway })
        {
            // The gateway checks its destinations every two seconds. Until then it answers for the identity service itself.
            var answer = await Patience.UntilAsync(() => identity.LoginAsync(name, password), answer => answer.Code == "not_ready");
            answer.AssertError(503, "not_ready");
            Assert.Equal("1", answer.Header("Retry-After"));
            (await identity.GetAsync("/.well-known/jwks.json")).AssertError(503, "not_ready");
        }

        Assert.Equal(200, (await mesh.Identity.GetAsync("/health/live")).Status);
        await AssertTokensCannotBeCheckedAsync(token);
        await mesh.Mesh.Identity.UntilLoggedAsync("Not ready: waiting for PostgreSQL: PostgreSQL cannot be reached", logBefore);

        await mesh.Postgres.StartAgainAsync();

        foreach (var service in new[] { mesh.Identity, mesh.Resource, mesh.Gateway })
        {
            await Patience.UntilAsync(() => service.GetAsync("/health/ready"), answer => answer.Status == 200);
        }

        var (_, _, newToken) = await mesh.SignUpAsync();
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", newToken)).Status);
        // its key ring is gone, and every verifier knows that the key is invalid
        (await mesh.Gateway.GetAsync("/protected", token)).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task A_gateway_that_starts_before_the_resource_service_waits_for_it()
    {
        await mesh.WholeAsync();
        await StopAllAsync();

        await mesh.Mesh.Identity.RestartAsync();
        await mesh.Mesh.Identity.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await mesh.Mesh.Gateway.RestartAsync();
        await AssertWaitsAsync(mesh.Gateway, "no destination is ready for resource");
        var (_, _, token) = await mesh.SignUpAsync();
        (await mesh.Gateway.GetAsync("/protected", token)).AssertError(503, "service_unavailable");

        await mesh.Mesh.Resource.RestartAsync();

        await mesh.Mesh.Resource.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await mesh.Mesh.Gateway.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await Patience.UntilAsync(() => mesh.Gateway.GetAsync("/protected", token), answer => answer.Status == 200);
    }

    private async Task StopAllAsync() => await Task.WhenAll(mesh.Mesh.Services.Select(service => service.StopAsync()));

    private static async Task AssertWaitsAsync(Caller service, params string[] reasons)
    {
        var answer = await Patience.UntilAsync(
            () => service.GetAsync("/health/ready"),
            answer => reasons.All(reason => answer.Text.Contains(reason, StringComparison.Ordinal)));
        answer.AssertError(503, "not_ready");
        Assert.NotNull(answer.Header("Retry-After"));
    }

    private async Task AssertTokensCannotBeCheckedAsync(string token)
    {
        foreach (var verifier in new[] { mesh.Gateway, mesh.Resource })
        {
            var answer = await verifier.GetAsync("/protected", token);
            answer.AssertError(503, "keys_unavailable"); // a 401 would make the caller discard a valid token
            Assert.NotNull(answer.Header("Retry-After"));
            (await verifier.GetAsync("/protected")).AssertError(401, "missing_token");
        }
    }
}
