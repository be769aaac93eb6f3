using System.Buffers.Binary;
using System.Net.Sockets;
using AuthMesh.LocalMesh;

namespace AuthMesh.TestMesh;

/// <summary>
/// Reads how many bytes a service has allocated. Unlike time, the bytes of a request do not depend on the load of the machine. The service
/// must run as a process of its own, since services within one process share its heap:
/// <code>
/// var options = InProduction.Options;
/// await using var mesh = await Mesh.StartAsync(options with { Settings = AllocatedBytes.With(options.Settings) });
/// var before = await AllocatedBytes.ReadAsync(mesh.Gateway);
/// </code>
/// Native programs have no startup hooks and cannot be asked.
/// </summary>
public static class AllocatedBytes
{
    private const int AtATime = 8; // keeps a service busy with few connections

    private static readonly Lazy<string> Folder = new(() =>
    {
        var folder = Directory.CreateTempSubdirectory("authmesh-bytes-").FullName;
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        return folder;
    });

    /// <summary>Environment variables for a process that is to be asked, and settings for a service.</summary>
    public static IReadOnlyDictionary<string, string> Settings => new Dictionary<string, string>
    {
        ["DOTNET_STARTUP_HOOKS"] = typeof(AllocatedBytes).Assembly.Location,
        [StartupHook.FolderVariable] = Folder.Value,
    };

    /// <summary>Adds <see cref="Settings"/> to others.</summary>
    public static IReadOnlyDictionary<string, string> With(IReadOnlyDictionary<string, string> settings) =>
        new Dictionary<string, string>([.. settings, .. Settings]);

    /// <summary>All bytes that the service has allocated since its start, whether or not they have been collected since.</summary>
    public static Task<long> ReadAsync(ServiceProcess service) => ReadAsync(
        service.ProcessId ?? throw new InvalidOperationException($"{service.Name} is no process of its own. Start it as a process."));

    /// <summary>All bytes that a process with <see cref="Settings"/> has allocated since its start.</summary>
    public static async Task<long> ReadAsync(int process)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(StartupHook.SocketOf(Folder.Value, process)));
        await using var stream = new NetworkStream(socket);
        var answer = new byte[sizeof(long)];
        await stream.ReadExactlyAsync(answer);
        return BinaryPrimitives.ReadInt64LittleEndian(answer);
    }

    /// <summary>
    /// Makes a number of calls and returns what each process allocated for one of them, on average. Everything else that it does meanwhile
    /// counts too, such as health probes: with 5,000 calls, that is less than a hundredth. Warm it up before, with as many calls: the
    /// compiler leaves out some allocations in methods that run often.
    /// </summary>
    /// <param name="processes">Processes with <see cref="Settings"/>.</param>
    /// <param name="calls">The number of calls, eight at a time.</param>
    /// <param name="callAsync">One call; gets its index.</param>
    public static async Task<IReadOnlyList<double>> PerCallAsync(
        IReadOnlyList<int> processes, int calls, Func<int, CancellationToken, ValueTask> callAsync)
    {
        var before = await Task.WhenAll(processes.Select(ReadAsync));
        await Parallel.ForAsync(0, calls, new ParallelOptions { MaxDegreeOfParallelism = AtATime }, callAsync);
        var after = await Task.WhenAll(processes.Select(ReadAsync));
        return [.. after.Zip(before, (late, early) => (late - early) / (double)calls)];
    }
}
