using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

[Collection<TakingTurns>]
public sealed class ShutdownTests(ProductionMesh production)
{
    private const int Logins = 8;

    [Theory]
    [InlineData("identity-service")]
    [InlineData("gateway")]
    public async Task A_service_that_is_told_to_stop_finishes_what_it_has_begun(string stopped)
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        own.Settings["Identity:Hashing:WorkFactor"] = "12"; // a quarter of a second each, two at a time: most still wait when the first is done
        own.Settings["Identity:Hashing:Threads"] = "2";
        own.Settings["Identity:MasterKeyFile"] = "";
        await using var mesh = await Mesh.StartAsync(
            new MeshOptions
            {
                Environment = "Production",
                Issuer = ProductionMesh.Issuer,
                ConnectionString = own.Database.ConnectionString,
                IdentitySettings = own.Settings,
            },
            TestContext.Current.CancellationToken);
        var service = mesh.Services.Single(service => service.Name == stopped);
        var callers = Enumerable.Range(0, Logins).Select(_ => new Caller(service.Address)).ToList();
        await Task.WhenAll(callers.Select(caller => caller.GetAsync("/health/live"))); // connected before it counts

        var logins = callers.Select(caller => caller.LoginAsync("nobody", "nobody's password")).ToList();
        await Task.WhenAny(logins);
        Assert.NotEqual(Logins, logins.Count(login => login.IsCompleted));
        var exitCode = await service.StopAsync();

        Assert.All(await Task.WhenAll(logins), answer => answer.AssertError(401, "invalid_credentials"));
        Assert.Equal(0, exitCode);
        await Assert.ThrowsAsync<HttpRequestException>(() => callers[0].GetAsync("/health/live")); // and it is really gone
        callers.ForEach(caller => caller.Dispose());
    }
}
