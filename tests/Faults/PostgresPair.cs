using AuthMesh.LocalMesh;
using AuthMesh.TestMesh;
using AuthMesh.Tests.Harness;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary>Two real PostgreSQL servers, of which one follows the other. Each test begins with <see cref="WholeAsync"/>.</summary>
/// <remarks>It needs installed server binaries, because a container's files cannot be copied while its server runs.</remarks>
public sealed class PostgresPair : IAsyncLifetime
{
    private readonly List<string> folders = [];

    public PostgresServer First { get; private set; } = null!;

    public PostgresServer Second { get; private set; } = null!;

    public Database OfFirst => Of(First);

    public Database OfSecond => Of(Second);

    public async ValueTask InitializeAsync()
    {
        First = await PostgresServer.StartAsync();
        Second = await Standby.StartAsync(First, NewFolder());
    }

    /// <summary>Makes the first server the primary again and the second one its standby, and empties the database.</summary>
    public async Task WholeAsync()
    {
        foreach (var server in (PostgresServer[])[First, Second])
        {
            server.Resume();
            if (server.Exited.IsCompleted)
            {
                await server.StartAgainAsync();
            }
        }

        if (await OfSecond.ScalarAsync<bool>("SELECT NOT pg_is_in_recovery()"))
        {
            var port = Second.Port;
            await Second.DisposeAsync();
            Second = await Standby.StartAsync(First, NewFolder(), port);
        }

        await RequireAsync(standbys: "");
        await Patience.UntilAsync(
            () => OfFirst.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_stat_replication WHERE state = 'streaming')"));
        await OfFirst.ExecuteAsync("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    }

    /// <summary>Sets <c>synchronous_standby_names</c> of the first server: <c>*</c> makes each commit wait for the second one.</summary>
    public async Task RequireAsync(string standbys)
    {
        await OfFirst.ExecuteAsync($"ALTER SYSTEM SET synchronous_standby_names = '{standbys}'");
        await OfFirst.ExecuteAsync("SELECT pg_reload_conf()");
        await Patience.UntilAsync(async () => await OfFirst.ScalarAsync<string>("SHOW synchronous_standby_names") == standbys);
    }

    public Task PromoteSecondAsync() => OfSecond.ScalarAsync<bool>("SELECT pg_promote()");

    /// <summary>A connection string that names both servers.</summary>
    public string ConnectionString(string more = "") =>
        new NpgsqlConnectionStringBuilder(First.ConnectionString) { Host = $"{Host(First)},{Host(Second)}" }.ConnectionString + ";" + more;

    /// <summary>Starts an identity service, which the caller disposes.</summary>
    public Task<ServiceProcess> StartServiceAsync(string connectionString, params KeyValuePair<string, string>[] more)
    {
        var settings = new Dictionary<string, string>(Unthrottled.WithCheapHashes)
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["Identity:Database:ConnectionString"] = connectionString,
            ["Identity:MasterKey"] = OwnDatabase.NewMasterKey(),
            ["Identity:FirstAdmin:GeneratedPasswordFile"] = Path.Combine(NewFolder(), "generated-password"),
        };
        foreach (var (key, value) in more)
        {
            settings[key] = value;
        }

        return ServiceProcess.StartAsync("identity-service", settings, "Production", start: WithinThisProcess.StartAsync);
    }

    public async ValueTask DisposeAsync()
    {
        await (Second?.DisposeAsync() ?? ValueTask.CompletedTask);
        await (First?.DisposeAsync() ?? ValueTask.CompletedTask);
        folders.ForEach(TemporaryFolder.Delete);
    }

    private static string Host(PostgresServer server) => $"{Loopback.Address}:{server.Port}";

    // Without a pool, because a pooled connection from before a crash would fail the test, and waiting for no standby.
    private static Database Of(PostgresServer server) =>
        new(server.ConnectionString + ";Pooling=false;Options=-c synchronous_commit=local");

    private string NewFolder()
    {
        folders.Add(TemporaryFolder.Create());
        return folders[^1];
    }
}
