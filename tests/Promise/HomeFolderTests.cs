using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Promise;

/// <summary>The framework's data protection, which no service uses, would make a key in the home folder at start, and complain where it cannot.</summary>
public sealed class HomeFolderTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("identity-service")]
    [InlineData("resource-service")]
    [InlineData("gateway")]
    public async Task A_service_writes_nothing_into_its_home_folder_and_never_starts_data_protection(string name)
    {
        var home = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
        var running = mesh.Mesh.Services.Single(service => service.Name == name);
        await using var service = await ServiceProcess.StartAsync(
            name,
            new Dictionary<string, string>(running.Settings) { ["HOME"] = home, ["Logging:LogLevel:Microsoft.AspNetCore.DataProtection"] = "Trace" },
            "Development"); // in which demo users, of which another test may make some in the same database, do not keep it from starting
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await service.StopAsync();

        Assert.Contains("Now listening on", service.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("DataProtection", service.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(home));
        Directory.Delete(home);
    }
}
