using System.Diagnostics;
using AuthMesh.LocalMesh;
using Npgsql;
using Testcontainers.PostgreSql;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// One PostgreSQL for the whole run, with a database for each mesh: in a container where an engine answers, otherwise from this
/// machine's server binaries. With neither, the run fails.
/// </summary>
public sealed class TestPostgres : IAsyncDisposable
{
    private PostgreSqlContainer? container;
    private PostgresServer? server;
    private string administration = "";

    public async Task InitializeAsync()
    {
        if (await HasContainerEngineAsync())
        {
            container = new PostgreSqlBuilder("postgres:17").WithCommand("-c", "max_connections=300").Build(); // several meshes at a time
            await container.StartAsync();
            administration = container.GetConnectionString();
        }
        else
        {
            server = await PostgresServer.StartAsync();
            administration = server.ConnectionString;
        }

        await WriteWithoutWaitingAsync();
        Console.WriteLine($"PostgreSQL for the tests: {(container is null ? server!.Description : "postgres:17 in a container")}");
    }

    /// <summary>An empty database of its own.</summary>
    /// <returns>Its connection string, password included.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = "test_" + Guid.NewGuid().ToString("N");
        await using var connection = new NpgsqlConnection(administration);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync();
        return new NpgsqlConnectionStringBuilder(administration) { Database = name }.ConnectionString;
    }

    // What is in here is thrown away, and on a busy disk a commit may take longer than the services wait for one. What must survive a crash
    // is tested on servers of its own, which keep PostgreSQL's defaults.
    private async Task WriteWithoutWaitingAsync()
    {
        await using var source = NpgsqlDataSource.Create(administration);
        foreach (var sql in (string[])["ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"])
        {
            await using var command = source.CreateCommand(sql);
            await command.ExecuteNonQueryAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (container is not null)
        {
            await container.DisposeAsync();
        }

        if (server is not null)
        {
            await server.DisposeAsync();
        }
    }

    private static async Task<bool> HasContainerEngineAsync()
    {
        try
        {
            using var docker = Process.Start(new ProcessStartInfo("docker", ["version", "--format", "{{.Server.Version}}"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            await docker.WaitForExitAsync();
            return docker.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception) // there is no such program
        {
            return false;
        }
    }
}
