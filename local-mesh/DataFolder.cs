using System.Text.Json;
using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>
/// The folder that one mesh keeps between runs, with the lock that keeps a second mesh out. `mesh.json` lists the running processes, so
/// that the start after a `kill -9` ends exactly these and no others.
/// </summary>
internal sealed class DataFolder : IDisposable
{
    internal const string PostgresName = "PostgreSQL";

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true };

    private readonly FileStream held;
    private bool hasRecorded;

    private DataFolder(string path, FileStream held) => (Path, this.held) = (path, held);

    internal string Path { get; }

    internal string MasterKeyFile => In("master.key");

    /// <summary>The service key of the mesh; a service of your own that joins needs it too.</summary>
    internal string ServiceKeyFile => In("service.key");

    /// <summary>The file for the first admin's password, if the identity service generates it.</summary>
    internal string FirstAdminPasswordFile => In("first-admin-password");

    /// <summary>The mails that the identity service would send.</summary>
    internal string MailFolder => In("mails");

    internal string LogOf(string service) => System.IO.Path.Combine(LogsIn(Path), $"{service}.log");

    internal static string LogsIn(string path) => System.IO.Path.Combine(path, "logs");

    private string In(string name) => System.IO.Path.Combine(Path, name);

    internal static DataFolder Open(string path)
    {
        path = System.IO.Path.GetFullPath(path);
        try
        {
            Directory.CreateDirectory(path);
            Directory.CreateDirectory(LogsIn(path), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            // The system releases this lock when the process ends, even by a crash. Children do not inherit it.
            var file = System.IO.Path.Combine(path, "mesh.lock");
            return new(path, new FileStream(file, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new MeshException($"The user {Environment.UserName} may not use {path}: {e.Message} Choose another with --data.");
        }
        catch (IOException e)
        {
            RefuseIfRunning(path);
            throw new MeshException(
                $"Another mesh may be starting or stopping on {path}: {e.Message} Try again, or choose another folder with --data.");
        }
    }

    internal static void RefuseIfRunning(string path)
    {
        if (RunningIn(path) is { } mesh)
        {
            throw new MeshException($"A mesh already runs on {path}, with the pid {mesh.Pid}. " +
                "Stop it with --stop, or choose another folder with --data.");
        }
    }

    /// <summary>The mesh that currently runs on this folder.</summary>
    internal static ProcessIdentity? RunningIn(string path) => ReadRecord(path)?.Mesh is { IsAlive: true } mesh ? mesh : null;

    /// <summary>Ends the processes of a killed mesh in reverse order of their start, so PostgreSQL comes last.</summary>
    internal async Task EndLeftoversAsync(Action<string> report)
    {
        foreach (var left in (ReadRecord(Path)?.Children ?? []).Reverse().Where(child => child.IsAlive))
        {
            report($"Ending {left.Name}, pid {left.Pid}, left over from a killed mesh");
            var isPostgres = left.Name == PostgresName;
            await left.EndAsync(isPostgres ? Signal.Interrupt : Signal.Terminate, TimeSpan.FromSeconds(isPostgres ? 30 : 10));
        }

        Record([]);
    }

    internal void Record(IEnumerable<ProcessIdentity?> children)
    {
        var self = ProcessIdentity.Of("local-mesh", Environment.ProcessId, Environment.CommandLine);
        var unfinished = In("mesh.json.new");
        File.WriteAllText(unfinished, JsonSerializer.Serialize(new RunRecord(self, [.. children.OfType<ProcessIdentity>()]), Json));
        File.Move(unfinished, In("mesh.json"), overwrite: true);
        hasRecorded = true;
    }

    /// <summary>
    /// Releases the folder after all its processes have stopped. It keeps the record of an earlier mesh whose leftovers could not be ended.
    /// </summary>
    public void Dispose()
    {
        if (hasRecorded) File.Delete(In("mesh.json"));
        held.Dispose();
    }

    private static RunRecord? ReadRecord(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<RunRecord>(File.ReadAllText(System.IO.Path.Combine(path, "mesh.json")));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    private sealed record RunRecord(ProcessIdentity? Mesh, IReadOnlyList<ProcessIdentity> Children);
}
