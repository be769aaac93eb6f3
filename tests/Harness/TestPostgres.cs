using System.Diagnostics;
using AuthMesh.LocalMesh;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Testcontainers.PostgreSql;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// One PostgreSQL for the whole run, with a database for each mesh: in a container if an engine answers, otherwise from this
/// machine's server binaries. With neither, the run fails.
/// </summary>
public sealed class TestPostgres : IAsyncDisposable
{
    private const int Patience = 30; // seconds; fixtures about a PostgreSQL that does not answer set less

    private PostgreSqlContainer? container;
    private PostgresServer? server;
    private readonly Lazy<Task<string>> template;
    private string administration = "";

    public TestPostgres() => template = new(MigrateTemplateAsync);

    /// <summary>The container in which PostgreSQL runs; null if it runs from this machine's server binaries.</summary>
    public string? ContainerId => container?.Id;

    public async Task InitializeAsync()
    {
        if (await HasContainerEngineAsync())
        {
            container = new PostgreSqlBuilder("postgres:17")
                .WithCommand("-c", $"max_connections={PostgresServer.MaximumConnections}").Build();
            await container.StartAsync();
            administration = container.GetConnectionString();
        }
        else
        {
            server = await PostgresServer.StartAsync();
            administration = server.ConnectionString;
        }

        await WorkForThisRunOnlyAsync();
        Console.WriteLine($"PostgreSQL for the tests: {(container is null ? server!.Description : "postgres:17 in a container")}");
    }

    /// <summary>
    /// A database with the current schema and no rows. It is a copy of one that was migrated once, because a migration takes a second.
    /// </summary>
    /// <returns>Its connection string, password included.</returns>
    public async Task<string> CreateDatabaseAsync() => await CreateDatabaseAsync(await template.Value);

    /// <summary>A database without a schema, as an operator creates it for a first start.</summary>
    /// <returns>Its connection string, password included.</returns>
    public Task<string> CreateEmptyDatabaseAsync() => CreateDatabaseAsync("template1");

    private async Task<string> CreateDatabaseAsync(string source)
    {
        var name = "test_" + Guid.NewGuid().ToString("N");
        await using var connection = new NpgsqlConnection(administration);
        await connection.OpenAsync();
        // The default strategy writes each page to the log as well, and takes four times as long.
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY", connection);
        await command.ExecuteNonQueryAsync();
        // On a busy machine a statement may take longer than a service's default of two seconds.
        var settings = new NpgsqlConnectionStringBuilder(administration) { Database = name, Timeout = Patience, CommandTimeout = Patience };
        return settings.ConnectionString;
    }

    /// <returns>Its name.</returns>
    private async Task<string> MigrateTemplateAsync()
    {
        // Without a pool, because a database can be copied only while nobody is connected to it.
        var settings = new NpgsqlConnectionStringBuilder(await CreateEmptyDatabaseAsync()) { Pooling = false };
        await using var db = new Database(settings.ConnectionString).Open();
        await db.Database.MigrateAsync();
        return settings.Database!;
    }

    // The data is thrown away, so the server neither flushes to disk nor vacuums, which would slow down the tests beside it. Crash tests
    // have their own servers with PostgreSQL's defaults.
    private async Task WorkForThisRunOnlyAsync()
    {
        await using var source = NpgsqlDataSource.Create(administration);
        foreach (var setting in (string[])["fsync", "full_page_writes", "autovacuum", "jit"])
        {
            await using var command = source.CreateCommand($"ALTER SYSTEM SET {setting} = off");
            await command.ExecuteNonQueryAsync();
        }

        await using var reload = source.CreateCommand("SELECT pg_reload_conf()");
        await reload.ExecuteNonQueryAsync();
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
        catch (System.ComponentModel.Win32Exception) // the program does not exist
        {
            return false;
        }
    }
}
