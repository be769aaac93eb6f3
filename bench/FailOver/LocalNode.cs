using System.Globalization;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.FailOver;

/// <summary>A node as processes of this machine.</summary>
internal sealed class LocalNode : INode, IAsyncDisposable
{
    private readonly string home;
    private readonly ClusterFolder folder;
    private readonly int restPort = Ports.Free();
    private ChildProcess? patroni;

    /// <param name="name">Its name in the cluster.</param>
    /// <param name="etcdPort">On loopback.</param>
    /// <param name="secrets">The passwords of the superuser and of replication.</param>
    public LocalNode(string name, int etcdPort, (string Superuser, string Replication) secrets)
    {
        (Name, Patroni) = (name, new PatroniApi(() => new Uri($"http://{Loopback.Address}:{restPort}")));
        home = TemporaryFolder.Create();
        folder = ClusterFolder.OpenIn(home);
        PrivateFile.Write(ConfigurationFile, Configuration(etcdPort, secrets));
        folder.HandOver(ConfigurationFile);
    }

    public string Name { get; }

    public PatroniApi Patroni { get; }

    public int Port { get; } = Ports.Free();

    private string LogFile => Path.Combine(folder.Path, "patroni.log");

    private string ConfigurationFile => Path.Combine(folder.Path, "patroni.yml");

    public async Task StartAsync()
    {
        if (patroni is null || patroni.Exited.IsCompleted)
        {
            patroni = await ChildProcess.StartAsync(
                new ChildCommand("Patroni", ["patroni", ConfigurationFile], folder.Path, LogFile)
                {
                    User = folder.RunAs,
                    SignalWhenWeDie = "TERM", // Patroni then stops PostgreSQL
                });
        }
    }

    public Task KillPostmasterAsync()
    {
        Signal.Send(Postmaster() ?? throw new InvalidOperationException($"{Name} runs no PostgreSQL."), Signal.Kill);
        return Task.CompletedTask;
    }

    public async Task KillAsync()
    {
        SendToAll(Signal.Stop); // first, so that nothing reacts to the death of another process
        SendToAll(Signal.Kill);
        await patroni!.Exited;
    }

    /// <summary>Suspends everything.</summary>
    public Task CutOffAsync()
    {
        SendToAll(Signal.Stop);
        return Task.CompletedTask;
    }

    public Task ReconnectAsync()
    {
        SendToAll(Signal.Continue);
        return Task.CompletedTask;
    }

    public string ReadLog() => File.Exists(LogFile) ? string.Join('\n', File.ReadLines(LogFile).TakeLast(8)) : "";

    public async ValueTask DisposeAsync()
    {
        await ReconnectAsync();
        if (patroni is not null)
        {
            await patroni.StopAsync(TimeSpan.FromSeconds(30));
        }

        if (Postmaster() is { } left && ProcessIdentity.Of("PostgreSQL", left, "postgres") is { } postmaster)
        {
            await postmaster.EndAsync(Signal.Quit, TimeSpan.FromSeconds(10)); // Patroni was killed and never started again
        }

        TemporaryFolder.Delete(home);
    }

    private void SendToAll(int signal)
    {
        foreach (var pid in All())
        {
            Signal.Send(pid, signal);
        }
    }

    // Patroni first, or it would restart the PostgreSQL that it sees die.
    private List<int> All() =>
    [
        .. patroni is { Exited.IsCompleted: false } ? [patroni.Pid] : Array.Empty<int>(),
        .. Postmaster() is { } postmaster ? [postmaster, .. ProcessIdentity.ChildrenOf(postmaster)] : Array.Empty<int>(),
    ];

    private int? Postmaster()
    {
        try
        {
            var pid = int.Parse(File.ReadLines(Path.Combine(folder.Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);
            return File.ReadAllText($"/proc/{pid}/cmdline").Contains(folder.Data, StringComparison.Ordinal) ? pid : null;
        }
        catch (Exception exception) when (exception is IOException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }

    // ttl is the least that Patroni's documentation allows, so that a lost node is noticed soon. With primary_start_timeout 0, the standby
    // takes over at once when PostgreSQL crashes, instead of after a restart. The timeouts of replication are short, because the defaults
    // of a minute would keep writes waiting for a standby that is gone.
    private string Configuration(int etcdPort, (string Superuser, string Replication) secrets) =>
        $$"""
        scope: authmesh
        name: {{Name}}
        restapi: {listen: "{{Loopback.Address}}:{{restPort}}", connect_address: "{{Loopback.Address}}:{{restPort}}"}
        etcd3: {host: "{{Loopback.Address}}:{{etcdPort}}"}
        bootstrap:
          dcs:
            ttl: 20
            loop_wait: 2
            retry_timeout: 4
            primary_start_timeout: 0
            synchronous_mode: true
            synchronous_mode_strict: true
            postgresql:
              use_pg_rewind: true
              parameters:
                wal_keep_size: 256MB
                wal_sender_timeout: 5s
                wal_receiver_timeout: 5s
                max_connections: 200
                shared_buffers: 64MB
                jit: "off"
          initdb: [{encoding: UTF8}, {locale: C}, data-checksums]
        postgresql:
          listen: "{{Loopback.Address}}:{{Port}}"
          connect_address: "{{Loopback.Address}}:{{Port}}"
          data_dir: "{{folder.Data}}"
          bin_dir: "{{PostgresBinaries.Find()[0].Folder}}"
          pgpass: "{{Path.Combine(folder.Path, "pgpass")}}"
          basebackup: [{checkpoint: fast}]
          parameters: {unix_socket_directories: ""}
          authentication:
            superuser: {username: postgres, password: "{{secrets.Superuser}}"}
            replication: {username: replicator, password: "{{secrets.Replication}}"}
          pg_hba:
            - host all all {{Loopback.Address}}/32 scram-sha-256
            - host replication replicator {{Loopback.Address}}/32 scram-sha-256
        watchdog: {mode: "off"}
        """;
}
