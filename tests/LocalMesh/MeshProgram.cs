using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.LocalMesh;

/// <summary>
/// The local mesh as a user runs it, on one data folder that survives each run. Each test begins with <see cref="RunAsync"/>.
/// </summary>
public sealed class MeshProgram : IAsyncLifetime
{
    private Process? process;
    private Output output = new();

    // Like a home folder: PostgreSQL, which root runs as another user, may pass through it.
    private const UnixFileMode Passable = (UnixFileMode)0b111_001_001;

    public string Folder { get; } = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    public string MasterKeyFile => Path.Combine(Folder, "master.key");

    public Caller Gateway { get; private set; } = null!;

    public Uri Address { get; private set; } = null!;

    public int PostgresPort { get; private set; }

    /// <summary>The processes that the mesh says it started.</summary>
    public IReadOnlyList<int> Pids => JsonElement.Parse(File.ReadAllText(Path.Combine(Folder, "mesh.json")))
        .GetProperty("Children").EnumerateArray().Select(child => child.GetProperty("Pid").GetInt32()).ToList();

    public ValueTask InitializeAsync()
    {
        File.SetUnixFileMode(Folder, Passable);
        return ValueTask.CompletedTask;
    }

    /// <summary>Starts the mesh unless it runs, and waits for the line that says it is ready.</summary>
    public async Task RunAsync()
    {
        if (process is { HasExited: false })
        {
            return;
        }

        output = new();
        process = Finished.Start(Command(Folder), Settings);
        output.ReadFrom(process);
        await Patience.UntilAsync(() => process.HasExited || output.Text.Contains("AuthMesh is ready at ", StringComparison.Ordinal));
        var ready = Regex.Match(output.Text, "^AuthMesh is ready at (http://localhost:[0-9]+)$", RegexOptions.Multiline);
        Assert.True(ready.Success, output.Text);
        Address = new Uri(ready.Groups[1].Value);
        PostgresPort = int.Parse(Regex.Match(output.Text, @"PostgreSQL answers on .*:([0-9]+): ").Groups[1].Value);
        Gateway?.Dispose();
        Gateway = new Caller(Address);
    }

    /// <summary>Runs the mesh in a case in which it must exit by itself.</summary>
    public static Task<Finished> ExitedAsync(string folder, params string[] arguments) =>
        Finished.RunAsync(Command(folder, arguments), Settings);

    /// <summary>Sends SIGTERM, as `docker stop`, systemd and `kill` do.</summary>
    public async Task<int> StopAsync()
    {
        await SignalAsync("TERM");
        return process!.ExitCode;
    }

    public async Task KillAsync() => await SignalAsync("KILL");

    /// <summary>Whether a process still runs. A zombie does not count.</summary>
    public static bool IsAlive(int pid)
    {
        try
        {
            return OperatingSystem.IsLinux()
                ? File.ReadAllText($"/proc/{pid}/stat") is var stat && stat[stat.LastIndexOf(')') + 2] is not ('Z' or 'X')
                : Process.GetProcessById(pid) is not null;
        }
        catch (Exception exception) when (exception is IOException or ArgumentException)
        {
            return false;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Gateway?.Dispose();
        if (process is { HasExited: false })
        {
            await SignalAsync("TERM");
        }

        process?.Dispose();
        var cluster = new DirectoryInfo(Path.Combine(Folder, "postgres"));
        var volume = Path.Combine(cluster.FullName, "volume");
        if (File.Exists(volume))
        {
            await Finished.RunAsync(["docker", "volume", "rm", "--force", await File.ReadAllTextAsync(volume)]);
        }

        if (cluster.LinkTarget is { } elsewhere)
        {
            Directory.Delete(elsewhere, recursive: true);
        }

        Directory.Delete(Folder, recursive: true);
    }

    private static Dictionary<string, string> Settings => new() { ["Identity__Hashing__WorkFactor"] = "4" };

    private static string[] Command(string folder, params string[] arguments) =>
        [Checkout.DotNet, Checkout.Dll("local-mesh"), "--data", folder,
            .. arguments.Contains("--port") ? arguments : ["--port", "0", .. arguments]];

    private async Task SignalAsync(string signal)
    {
        await Finished.RunAsync(["bash", "-c", $"kill -{signal} {process!.Id}"]); // bash has its own kill, and a bare container has none
        await process.WaitForExitAsync(TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken);
    }

    private sealed class Output
    {
        private readonly StringBuilder lines = new();

        public string Text
        {
            get
            {
                lock (lines)
                {
                    return lines.ToString();
                }
            }
        }

        public void ReadFrom(Process process)
        {
            process.OutputDataReceived += (_, line) => Add(line.Data);
            process.ErrorDataReceived += (_, line) => Add(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
        }

        private void Add(string? line)
        {
            lock (lines)
            {
                lines.Append(line).Append('\n');
            }
        }
    }
}
