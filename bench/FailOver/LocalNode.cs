using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.FailOver;

/// <summary>One node of the cluster: Patroni and the PostgreSQL that it runs, as processes of this machine.</summary>
internal sealed class PatroniMember : IAsyncDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(40) };

    private readonly string home;
    private readonly ClusterFolder folder;
    private readonly int restPort = Ports.Free();
    private ChildProcess? patroni;

    /// <param name="name">Its name in the cluster.</param>
    /// <param name="etcdPort">On loopback.</param>
    /// <param name="secrets">The passwords of the superuser and of replication.</param>
    public PatroniMember(string name, int etcdPort, (string Superuser, string Replication) secrets)
    {
        Name = name;
        home = TemporaryFolder.Create();
        folder = ClusterFolder.OpenIn(home);
        PrivateFile.Write(ConfigurationFile, Configuration(etcdPort, secrets));
        folder.HandOver(ConfigurationFile);
    }

    public string Name { get; }

    public int Port { get; } = Ports.Free();

    public string LogFile => Path.Combine(folder.Path, "patroni.log");

    private string ConfigurationFile => Path.Combine(folder.Path, "patroni.yml");

    private Uri Rest => new($"http://{Loopback.Address}:{restPort}");

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

    /// <summary>What Patroni on this node says of all nodes; empty if it is silent.</summary>
    public async Task<IReadOnlyDictionary<string, (string Role, string State)>> ReadClusterAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
        try
        {
            var cluster = await Http.GetFromJsonAsync<JsonElement>(new Uri(Rest, "/cluster"), patience.Token);
            return cluster.GetProperty("members").EnumerateArray().ToDictionary(
                member => member.GetProperty("name").GetString()!,
                member => (member.GetProperty("role").GetString()!, member.GetProperty("state").GetString()!));
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException or JsonException)
        {
            return new Dictionary<string, (string, string)>();
        }
    }

    /// <summary>Asks Patroni to hand the leadership over. It answers when that is done.</summary>
    public async Task SwitchOverAsync()
    {
        using var body = new StringContent($$"""{"leader":"{{Name}}"}"""); // of known length, which Patroni demands
        using var answer = await Http.PostAsync(new Uri(Rest, "/switchover"), body);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            throw new InvalidOperationException($"Patroni refused to switch over: {await answer.Content.ReadAsStringAsync()}");
        }
    }

    /// <summary>Kills the postmaster alone. Patroni sees that and acts.</summary>
    public void KillPostmaster() =>
        Signal.Send(Postmaster() ?? throw new InvalidOperationException($"{Name} runs no PostgreSQL."), Signal.Kill);

    /// <summary>Kills everything at once, as when the machine loses its power.</summary>
    public async Task KillAsync()
    {
        Suspend(); // first, so that nothing reacts to the death of another process
        foreach (var pid in All())
        {
            Signal.Send(pid, Signal.Kill);
        }

        await patroni!.Exited;
    }

    /// <summary>Suspends everything: connections stay open and nothing answers, as when the network is cut.</summary>
    public void Suspend() => SendToAll(Signal.Stop);

    public void Resume() => SendToAll(Signal.Continue);

    public async ValueTask DisposeAsync()
    {
        Resume();
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

    // ttl is the least that Patroni's documentation allows, so that a lost node is noticed soon. The timeouts of replication are short for
    // the same reason: the defaults of a minute would keep writes waiting for a standby that is gone.
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
