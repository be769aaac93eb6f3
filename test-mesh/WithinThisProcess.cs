using System.Collections.Concurrent;
using System.Diagnostics;
using System.Reflection;
using System.Runtime.Loader;
using AuthMesh.LocalMesh;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthMesh.TestMesh;

/// <summary>
/// Runs the program of a service within this process: the same assembly, from its first line, on its own port and with its own log. A
/// start as a process takes more than a second of processor time, nearly all of it for compiling the same methods once more. Such a
/// service gets no signals and has no memory or environment of its own: tests about those start processes.
/// </summary>
public sealed class WithinThisProcess : IRunningProgram
{
    private static readonly AsyncLocal<WithinThisProcess?> Current = new();
    private static readonly ConcurrentDictionary<string, Lazy<Assembly>> Programs = new();

    private readonly TaskCompletionSource<int> exited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<IHost> host = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TextWriter output, errors;

    static WithinThisProcess()
    {
        // Programs block threads of the pool while they start, and the pool adds only one or two threads in a second.
        ThreadPool.SetMinThreads(64, 64);
        DiagnosticListener.AllListeners.Subscribe(new HostBuilds());
        Console.SetOut(new OfCurrent(service => service.output, Console.Out));
        Console.SetError(new OfCurrent(service => service.errors, Console.Error));
    }

    private WithinThisProcess(TextWriter output, TextWriter errors) =>
        (this.output, this.errors) = (TextWriter.Synchronized(output), TextWriter.Synchronized(errors));

    public Task<int> Exited => exited.Task;

    /// <summary>Starts a service. Give it to <see cref="MeshOptions.Start"/>.</summary>
    public static Task<IRunningProgram> StartAsync(ServiceStart start)
    {
        var file = new FileStream(start.LogFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete);
        // Never closed: a thread of the program may write after the program has ended.
        var log = TextWriter.Synchronized(new StreamWriter(file) { AutoFlush = true });
        return Task.FromResult<IRunningProgram>(Start(new(log, log), start.Program, Arguments(start.Settings)));
    }

    /// <summary>Runs a program that exits by itself, such as a command of an operator.</summary>
    public static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        string program, IReadOnlyDictionary<string, string> settings, IReadOnlyList<string> command)
    {
        var (output, errors) = (new StringWriter(), new StringWriter());
        var exitCode = await Start(new(output, errors), program, [.. command, .. Arguments(settings)]).Exited;
        return (exitCode, output.ToString(), errors.ToString());
    }

    private static IEnumerable<string> Arguments(IReadOnlyDictionary<string, string> settings) =>
        settings.Select(setting => $"--{setting.Key}={setting.Value}");

    public async Task<int> StopAsync(TimeSpan patience)
    {
        await Task.WhenAny(host.Task, Exited);
        if (host.Task.IsCompletedSuccessfully)
        {
            StopHost();
        }

        return await Exited.WaitAsync(patience);
    }

    private static WithinThisProcess Start(WithinThisProcess service, string program, IEnumerable<string> arguments)
    {
        var (name, folder) = (Path.GetFileNameWithoutExtension(program), Path.GetDirectoryName(program));
        string[] all = [$"--applicationName={name}", $"--contentRoot={folder}", .. arguments];
        // Main blocks its thread until the program ends. Its context must not be that of the test which happens to start it.
        new Thread(() => service.RunMain(program, all)) { IsBackground = true }.UnsafeStart();
        return service;
    }

    private void RunMain(string program, string[] arguments)
    {
        Current.Value = this; // all that the program starts inherits it: threads, tasks and timers
        var exitCode = 134; // of a process that ends by an unhandled exception
        try
        {
            var main = Programs.GetOrAdd(program, path => new(() => new ProgramFolder(path).LoadFromAssemblyPath(path))).Value.EntryPoint!;
            exitCode = main.Invoke(null, BindingFlags.DoNotWrapExceptions, null, [arguments], null) is int code ? code : 0;
        }
        catch (Exception exception)
        {
            errors.WriteLine($"Unhandled exception. {exception}");
        }

        exited.SetResult(exitCode);
    }

    private void StopHost()
    {
        try
        {
            host.Task.Result.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        }
        catch (ObjectDisposedException)
        {
            // It has stopped by itself.
        }
    }

    /// <summary>The assemblies beside the program. The framework is shared.</summary>
    private sealed class ProgramFolder(string program) : AssemblyLoadContext(Path.GetFileNameWithoutExtension(program))
    {
        private readonly AssemblyDependencyResolver resolver = new(program);

        protected override Assembly? Load(AssemblyName assemblyName) =>
            resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path) : null;
    }

    /// <summary>Learns the host that a program builds.</summary>
    private sealed class HostBuilds : IObserver<DiagnosticListener>, IObserver<KeyValuePair<string, object?>>
    {
        public void OnNext(DiagnosticListener value)
        {
            if (value.Name == "Microsoft.Extensions.Hosting")
            {
                value.Subscribe(this);
            }
        }

        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value is { Key: "HostBuilt", Value: IHost built })
            {
                Current.Value?.host.TrySetResult(built);
            }
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }

    /// <summary>Console output: that of a program goes to its log, that of the tests where it went before.</summary>
    private sealed class OfCurrent(Func<WithinThisProcess, TextWriter> writer, TextWriter otherwise) : TextWriter
    {
        public override System.Text.Encoding Encoding => otherwise.Encoding;

        private TextWriter Target => Current.Value is { } service ? writer(service) : otherwise;

        public override void Write(char value) => Target.Write(value);

        public override void Write(char[] buffer, int index, int count) => Target.Write(buffer, index, count);

        public override void Write(string? value) => Target.Write(value);

        public override void WriteLine(string? value) => Target.WriteLine(value);

        public override void Flush() => Target.Flush();
    }
}
