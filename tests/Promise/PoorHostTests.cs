using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Promise;

/// <summary>
/// A machine or container with few resources: no home, no temporary folder, no time zones, no inotify instance, few files.
/// </summary>
public sealed class PoorHostTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("identity-service")]
    [InlineData("resource-service")]
    [InlineData("gateway")]
    public async Task A_service_starts_without_home_temp_folder_or_time_zones_and_writes_no_file(string name)
    {
        var home = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
        var running = mesh.Mesh.Services.Single(service => service.Name == name);
        await using var service = await ServiceProcess.StartAsync(
            name,
            new Dictionary<string, string>(running.Settings)
            {
                ["HOME"] = home,
                ["TMPDIR"] = "/nowhere",
                ["TZ"] = "Nowhere/Nothing",
                ["TZDIR"] = "/nowhere",
                ["Logging:LogLevel:Microsoft.AspNetCore.DataProtection"] = "Trace",
            },
            "Development"); // other tests may create demo users in this database, and only Development starts with them
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        if (OperatingSystem.IsLinux()) // a user has 128 inotify instances; a watch on appsettings.json would take one
        {
            Assert.DoesNotContain(
                Directory.GetFileSystemEntries($"/proc/{service.ProcessId}/fd"),
                file => new FileInfo(file).LinkTarget == "anon_inode:inotify");
        }

        await service.StopAsync();

        // The framework's data protection, which no service uses, would create a key in the home folder or log that it cannot.
        Assert.Contains("Now listening on", service.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("DataProtection", service.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(home));
        Directory.Delete(home);
    }

    [Theory]
    [InlineData("identity-service")]
    [InlineData("resource-service")]
    [InlineData("gateway")]
    public async Task A_service_with_a_low_file_limit_does_not_start_and_says_how_to_raise_it(string name)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Elsewhere the runtime raises the limit.");

        var refused = await Finished.RunAsync(["bash", "-c", "ulimit -n 1023; exec \"$0\" \"$1\"", Checkout.DotNet, Checkout.Dll(name)]);

        refused.AssertExited(1);
        const string cure = "ulimit -n 65536, LimitNOFILE=65536 in a systemd unit, or ulimits: { nofile: 65536 } in a compose file";
        Assert.Equal(
            $"""
            {name} does not start:
              - The system lets it open 1023 files, and it needs 1024. Raise the limit: {cure}.

            """, refused.Errors);
        Assert.Empty(refused.Output);
    }
}
