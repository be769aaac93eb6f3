using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.LocalMesh;

/// <summary>Starts, stops, kills and wrong starts: the data survives, and no process is left over.</summary>
public sealed class MeshProgramTests(MeshProgram mesh) : IClassFixture<MeshProgram>
{
    private const string Password = "a password for a test";

    [Fact]
    public async Task Stopping_the_mesh_ends_its_processes_and_the_next_start_keeps_its_accounts()
    {
        await mesh.RunAsync();
        var name = await RegisterAsync();
        var pids = mesh.Pids;
        Assert.InRange(pids.Count, 3, 4); // includes PostgreSQL unless it runs in a container
        Assert.All(pids, pid => Assert.True(MeshProgram.IsAlive(pid)));

        Assert.Equal(0, await mesh.StopAsync());

        Assert.DoesNotContain(pids, MeshProgram.IsAlive);
        await Assert.ThrowsAsync<HttpRequestException>(() => mesh.Gateway.GetAsync("/health/live"));
        var password = await PasswordAsync();
        await Assert.ThrowsAsync<NpgsqlException>(() => ConnectAsync(password));

        await mesh.RunAsync();

        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, Password)).Status);
        (await mesh.Gateway.LoginAsync(name, "not " + Password)).AssertError(401, "invalid_credentials");
    }

    [Fact]
    public async Task After_kill_9_the_next_start_is_ready_and_no_old_process_is_left()
    {
        await mesh.RunAsync();
        var name = await RegisterAsync();
        var pids = mesh.Pids;

        await mesh.KillAsync();
        await mesh.RunAsync();

        Assert.DoesNotContain(pids, MeshProgram.IsAlive);
        Assert.Empty(mesh.Pids.Intersect(pids));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, Password)).Status);
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(ProductionMesh.NewName(), Password)).Status);
    }

    [Fact]
    public async Task A_second_mesh_on_the_same_folder_or_port_is_refused_and_the_first_keeps_running()
    {
        await mesh.RunAsync();
        var pids = mesh.Pids;

        var sameFolder = await MeshProgram.ExitedAsync(mesh.Folder);
        sameFolder.AssertExited(1);
        Assert.Contains(mesh.Folder, sameFolder.Errors, StringComparison.Ordinal);
        Assert.Contains("--data", sameFolder.Errors, StringComparison.Ordinal);

        var another = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;
        var samePort = await MeshProgram.ExitedAsync(another, "--port", $"{mesh.Address.Port}");
        samePort.AssertExited(1);
        Assert.Contains($"Port {mesh.Address.Port} is in use", samePort.Errors, StringComparison.Ordinal);
        Assert.Contains("--port", samePort.Errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(another, "postgres"))); // refused before it created anything
        Directory.Delete(another, recursive: true);

        Assert.Equal(pids, mesh.Pids);
        Assert.All(pids, pid => Assert.True(MeshProgram.IsAlive(pid)));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/health/ready")).Status);
    }

    [Fact]
    public async Task In_the_background_the_mesh_gets_the_same_options()
    {
        var another = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

        var checkedOnly = await MeshProgram.ExitedAsync(another, "--detach", "--check", "--identity-port", "0", "--resource-port", "0");

        checkedOnly.AssertExited(0);
        Assert.StartsWith("PostgreSQL comes from: ", checkedOnly.Output, StringComparison.Ordinal);
        Directory.Delete(another, recursive: true);
    }

    [Fact]
    public async Task The_database_accepts_only_its_password()
    {
        await mesh.RunAsync();

        Assert.Equal("scram-sha-256", await ConnectAsync(await PasswordAsync()));
        var wrong = await Assert.ThrowsAsync<PostgresException>(() => ConnectAsync("not the password"));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, wrong.SqlState);
        var none = await Assert.ThrowsAsync<NpgsqlException>(() => ConnectAsync(password: null));
        Assert.Contains("SCRAM", none.Message, StringComparison.Ordinal); // the server asked for a password
    }

    [Fact]
    public async Task Only_its_owner_can_read_the_master_key_and_the_mesh_does_not_start_without_it()
    {
        await mesh.RunAsync();
        var name = await RegisterAsync();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(mesh.MasterKeyFile));
        Assert.Equal(mesh.Folder, Path.GetDirectoryName(mesh.MasterKeyFile)); // beside the cluster, not in it
        await mesh.StopAsync();

        var kept = mesh.MasterKeyFile + ".kept";
        File.Move(mesh.MasterKeyFile, kept);
        try
        {
            var refused = await MeshProgram.ExitedAsync(mesh.Folder);
            refused.AssertExited(1);
            Assert.Contains(mesh.MasterKeyFile, refused.Errors, StringComparison.Ordinal);
            Assert.False(File.Exists(mesh.MasterKeyFile));
        }
        finally
        {
            File.Move(kept, mesh.MasterKeyFile, overwrite: true); // the other tests need it
        }

        await mesh.RunAsync();
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, Password)).Status);
    }

    private async Task<string> RegisterAsync()
    {
        var name = ProductionMesh.NewName();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, Password)).Status);
        return name;
    }

    private Task<string> PasswordAsync() =>
        File.ReadAllTextAsync(Path.Combine(mesh.Folder, "postgres", "password"), TestContext.Current.CancellationToken);

    /// <returns>The authentication methods that this server allows.</returns>
    private async Task<string> ConnectAsync(string? password)
    {
        var settings = new NpgsqlConnectionStringBuilder
        {
            Host = Loopback.Address.ToString(), Port = mesh.PostgresPort, Username = "authmesh", Database = "authmesh",
            Password = password, Pooling = false, Timeout = 5,
        };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = new NpgsqlCommand("SELECT string_agg(DISTINCT auth_method, ' ') FROM pg_hba_file_rules", connection);
        return (string)(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}
