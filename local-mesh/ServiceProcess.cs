using System.Collections;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>One replica of one service: a real process, unless a test starts it in another way.</summary>
public sealed class ServiceProcess : IAsyncDisposable
{
    private static readonly HttpClient Http = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = TimeSpan.FromSeconds(5) };

    private readonly string program;
    private readonly bool isOwn, deletesLog;
    private readonly Func<ServiceStart, Task<IRunningProgram>> start;
    private IRunningProgram process = null!;

    private ServiceProcess(
        string name, IReadOnlyDictionary<string, string> settings, string environment, int port, string? logFile, string? program,
        Func<ServiceStart, Task<IRunningProgram>>? start, bool http2)
    {
        this.start = start ?? StartChildAsync;
        (Name, Settings, Environment) = (name, settings, environment);
        (this.program, isOwn, deletesLog) = (program ?? ServiceOutput.Dll(name), program is null, logFile is null);
        // People and browsers call only the gateway. To them, `localhost` may be 127.0.0.1 or ::1.
        var free = Ports.FreeOr(port);
        Address = new Uri(name == "gateway" ? $"http://localhost:{free}" : Loopback.Origin(free));
        Http2Address = http2 ? new Uri(Loopback.Origin(Ports.FreeOr(0))) : null;
        LogFile = logFile ?? Path.GetTempFileName();
    }

    public string Name { get; }

    public Uri Address { get; }

    /// <summary>The address for a gateway that speaks HTTP/2 with the service; null if it has none.</summary>
    public Uri? Http2Address { get; }

    /// <summary>The settings that it was started with, for starting another replica.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; }

    /// <summary>"Development" or "Production".</summary>
    public string Environment { get; }

    public string LogFile { get; }

    /// <summary>All its output so far, including earlier output before restarts.</summary>
    public string Output => Processes.LogFile.Read(LogFile);

    /// <summary>Its exit code; 128 + n if signal n ended it.</summary>
    public Task<int> Exited => process.Exited;

    /// <summary>Null if the process ended before its identity could be read, or if it has no process of its own.</summary>
    public int? ProcessId => Identity?.Pid;

    internal ProcessIdentity? Identity => (process as ChildProcess)?.Identity;

    private ChildProcess Child => process as ChildProcess
        ?? throw new InvalidOperationException($"{Name} is no process of its own, so it gets no signals. Start it as a process.");

    /// <summary>Starts the process without waiting until it is ready.</summary>
    /// <param name="name">`identity-service`, `resource-service` or `gateway`.</param>
    /// <param name="settings">Keys as in appsettings.json, such as `Identity:Hashing:WorkFactor`. The shell's are not inherited.</param>
    /// <param name="environment">"Development" or "Production".</param>
    /// <param name="port">On loopback; 0 takes a free port.</param>
    /// <param name="logFile">Null takes a temporary file.</param>
    /// <param name="program">The assembly or executable file; null takes this checkout's own by the service's name.</param>
    /// <param name="start">See <see cref="MeshOptions.Start"/>.</param>
    /// <param name="http2">Whether it gets an <see cref="Http2Address"/>.</param>
    /// <exception cref="MeshException">The service is not built, or the port is taken.</exception>
    public static async Task<ServiceProcess> StartAsync(
        string name, IReadOnlyDictionary<string, string> settings, string environment = "Development", int port = 0,
        string? logFile = null, string? program = null, Func<ServiceStart, Task<IRunningProgram>>? start = null,
        bool http2 = false)
    {
        var service = new ServiceProcess(name, settings, environment, port, logFile, program, start, http2);
        if (logFile is not null) Processes.LogFile.Rotate(logFile);
        await service.StartAsync();
        return service;
    }

    /// <summary>Waits for 200 at /health/ready.</summary>
    /// <exception cref="MeshException">The process ended or took too long; the message has the last lines of its log.</exception>
    public async Task WaitUntilReadyAsync(TimeSpan? timeout = null, CancellationToken cancellation = default)
    {
        var patience = timeout ?? TimeSpan.FromSeconds(120); // a busy machine is slow, not broken
        var waited = Stopwatch.StartNew();
        while (Exited.IsCompleted || !await IsReadyAsync(cancellation)) // after its end, another program may answer on its port
        {
            var problem = Exited.IsCompleted ? $"ended with exit code {await Exited} before it was ready"
                : waited.Elapsed > patience ? $"was not ready after {patience.TotalSeconds:0} s"
                : null;
            if (problem is not null) throw new MeshException($"{Name} {problem}. {Processes.LogFile.Tail(LogFile)}");
            await Task.WhenAny(Exited, Task.Delay(50, cancellation));
        }
    }

    /// <exception cref="TimeoutException">The process still runs.</exception>
    public Task<int> WaitForExitAsync(TimeSpan timeout) => Exited.WaitAsync(timeout);

    /// <summary>Sends SIGTERM, then SIGKILL after 30 s, as container platforms do: a service ends by itself within 28 s.</summary>
    public Task<int> StopAsync() => process.StopAsync(TimeSpan.FromSeconds(30));

    public void Kill() => Child.Send(Signal.Kill);

    /// <summary>Suspends the process (SIGSTOP): its connections stay open, but it does not answer.</summary>
    public void Suspend() => Child.Send(Signal.Stop);

    public void Resume() => Child.Send(Signal.Continue);

    /// <summary>Stops the process if it still runs, and starts it on the same port.</summary>
    public async Task RestartAsync()
    {
        await StopAsync();
        await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (deletesLog) File.Delete(LogFile);
    }

    private async Task StartAsync() => process = await start(new ServiceStart(Name, program, AllSettings(), LogFile));

    private Dictionary<string, string> AllSettings()
    {
        var all = new Dictionary<string, string>
        {
            ["environment"] = Environment,
            ["urls"] = Address.GetLeftPart(UriPartial.Authority),
            ["Logging:Console:FormatterName"] = "authmesh-line", // for people; by default, a service writes JSON to a file
        };
        // Nothing here has to turn to another replica. Another program may be of a version that does not know the setting.
        if (isOwn) all["AuthMesh:ShutdownGrace"] = "00:00:00";
        if (Http2Address is not null) all["AuthMesh:Http2Url"] = Http2Address.GetLeftPart(UriPartial.Authority);
        foreach (var (key, value) in Settings) all[key] = value;
        return all;
    }

    private static async Task<IRunningProgram> StartChildAsync(ServiceStart start)
    {
        string[] program =
            start.Program.EndsWith(".dll", StringComparison.Ordinal) ? [ServiceOutput.DotNet, start.Program] : [start.Program];
        // Shells drop variables such as ReverseProxy__Routes__my-notes__ClusterId, and a shell starts the process.
        var isForEnvironment = start.Settings.ToLookup(setting => setting.Key.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or ':'));
        string[] command = [.. program, .. isForEnvironment[false].Select(setting => $"--{setting.Key}={setting.Value}")];
        return await ChildProcess.StartAsync(new ChildCommand(start.Name, command, Path.GetDirectoryName(start.Program)!, start.LogFile)
        {
            Environment = EnvironmentVariables(isForEnvironment[true]),
        });
    }

    private static Dictionary<string, string> EnvironmentVariables(IEnumerable<KeyValuePair<string, string>> settings)
    {
        // A double underscore separates configuration keys. Such variables of the current shell must not influence a service.
        var variables = System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .Select(variable => (Name: (string)variable.Key, Value: (string)variable.Value!))
            .Where(variable => !variable.Name.Contains("__", StringComparison.Ordinal)
                && !variable.Name.StartsWith("ASPNETCORE_", StringComparison.OrdinalIgnoreCase)
                && !variable.Name.StartsWith("OTEL_", StringComparison.OrdinalIgnoreCase)
                && variable.Name.ToUpperInvariant() is not ("DOTNET_ENVIRONMENT" or "DOTNET_URLS" or "URLS"))
            .ToDictionary(variable => variable.Name, variable => variable.Value);
        foreach (var (key, value) in settings)
        {
            var isOfHost = key is "environment" or "urls";
            variables[isOfHost ? "ASPNETCORE_" + key.ToUpperInvariant() : key.Replace(":", "__", StringComparison.Ordinal)] = value;
        }

        return variables;
    }

    private async Task<bool> IsReadyAsync(CancellationToken cancellation)
    {
        try
        {
            using var answer = await Http.GetAsync(new Uri(Address, "/health/ready"), cancellation);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (Exception e) when (e is HttpRequestException or SocketException or TaskCanceledException
            && !cancellation.IsCancellationRequested)
        {
            return false;
        }
    }
}
