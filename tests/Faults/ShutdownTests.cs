using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Faults;

public sealed class ShutdownTests(ProductionMesh production)
{
    private const int Logins = 8;

    [Fact]
    public async Task A_stopping_service_finishes_the_requests_that_it_has_begun()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        // A hash takes a sixteenth of a second, and two run at a time. Most logins still wait when the first is done, and none waits
        // for as long as the lane allows, even on busy cores.
        own.Settings["Identity:Hashing:WorkFactor"] = "10";
        own.Settings["Identity:Hashing:Threads"] = "2";
        own.Settings["Identity:Hashing:LongestWait"] = "00:00:12";
        await using var mesh = await Mesh.StartAsync(
            InProduction.On(own.Database.ConnectionString, own.Settings), TestContext.Current.CancellationToken);
        foreach (var service in new[] { mesh.Gateway, mesh.Identity }) // the gateway first, because it needs the identity service
        {
            await AssertFinishesAsync(service);
        }
    }

    private static async Task AssertFinishesAsync(ServiceProcess service)
    {
        var callers = Enumerable.Range(0, Logins).Select(_ => new Caller(service)).ToList();
        await Task.WhenAll(callers.Select(caller => caller.GetAsync("/health/live"))); // connects before the test counts

        var logins = callers.Select(caller => caller.LoginAsync("nobody", "nobody's password")).ToList();
        await Task.WhenAny(logins);
        Assert.NotEqual(Logins, logins.Count(login => login.IsCompleted));
        var exitCode = await service.StopAsync();

        Assert.All(await Task.WhenAll(logins), answer => answer.AssertError(401, "invalid_credentials"));
        Assert.Equal(0, exitCode);
        await Assert.ThrowsAsync<HttpRequestException>(() => callers[0].GetAsync("/health/live")); // the service is gone
        callers.ForEach(caller => caller.Dispose());
    }
}
