using System.Net.Sockets;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.Bench.Servers;

/// <summary>A peer server on a loopback port. It runs until it is disposed, and dies with this process.</summary>
internal sealed class Server : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ChildProcess process;
    private readonly string log;

    private Server(string name, int port, ChildProcess process, string log)
    {
        (Name, Address) = (name, new Uri($"http://127.0.0.1:{port}"));
        (this.process, this.log) = (process, log);
    }

    public string Name { get; }

    public Uri Address { get; }

    public int ProcessId => process.Pid;

    /// <summary>Starts a server and returns when it accepts connections.</summary>
    /// <param name="name">For people, and for the name of its log file.</param>
    /// <param name="command">The command to run.</param>
    /// <param name="port">The port on which it will listen.</param>
    /// <param name="folder">The folder for its files.</param>
    /// <param name="variables">Environment variables, in addition to those of this process.</param>
    public static async Task<Server> StartAsync(
        string name, IReadOnlyList<string> command, int port, string folder, IReadOnlyDictionary<string, string>? variables = null)
    {
        var environment = Environment.GetEnvironmentVariables().Keys.Cast<string>()
            .ToDictionary(key => key, key => Environment.GetEnvironmentVariable(key)!);
        foreach (var (key, value) in variables ?? new Dictionary<string, string>())
        {
            environment[key] = value;
        }

        var log = Path.Combine(folder, $"{name}.log");
        var process = await ChildProcess.StartAsync(new ChildCommand(name, command, folder, log) { Environment = environment });
        var server = new Server(name, port, process, log);
        await server.WaitUntilItListensAsync();
        return server;
    }

    /// <summary>Returns after a successful answer.</summary>
    public async Task WaitUntilItAnswersAsync(string path, CancellationToken cancellation)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = Address };
        using var answer = await http.GetAsync(new Uri(path, UriKind.Relative), cancellation);
        answer.EnsureSuccessStatusCode(); // a server that listens before it can answer is not ready
    }

    public async ValueTask DisposeAsync() => await process.StopAsync(Signal.Terminate, TimeSpan.FromSeconds(10));

    private async Task WaitUntilItListensAsync()
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            try
            {
                using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(Address.Host, Address.Port, patience.Token);
                return;
            }
            catch (SocketException) when (!process.Exited.IsCompleted && !patience.IsCancellationRequested)
            {
                await Task.Delay(5, CancellationToken.None);
            }
            catch (Exception exception) when (exception is SocketException or OperationCanceledException)
            {
                await DisposeAsync();
                throw new MeshException($"{Name} does not listen on {Address}. {LogFile.Tail(log)}");
            }
        }
    }
}
