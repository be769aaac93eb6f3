using System.Collections.Concurrent;
using System.Diagnostics;

namespace AuthMesh.LocalMesh.Processes;

internal sealed record ChildCommand(string Name, IReadOnlyList<string> Command, string WorkingDirectory, string LogFile)
{
    /// <summary>The whole environment; null inherits this program's.</summary>
    internal IReadOnlyDictionary<string, string>? Environment { get; init; }

    /// <summary>Another user to run as; only root may set it.</summary>
    internal string? User { get; init; }

    /// <summary>The name of the signal that the child gets when this program dies for any reason; null lets the child live on.</summary>
    internal string? SignalWhenWeDie { get; init; } = "KILL";
}

/// <summary>
/// A child process that writes directly to its log file. Through a pipe, its output would be lost when this program is killed.
/// </summary>
internal sealed class ChildProcess : IRunningProgram
{
    private readonly Process process;

    private ChildProcess(ChildCommand command, Process process)
    {
        this.process = process;
        Identity = ProcessIdentity.Of(command.Name, process.Id, string.Join(' ', command.Command));
        Exited = WaitAsync();
    }

    internal int Pid => process.Id;

    /// <summary>Null if the process ended before its identity could be read.</summary>
    internal ProcessIdentity? Identity { get; }

    /// <summary>Its exit code; 128 + n if signal n ended it.</summary>
    public Task<int> Exited { get; }

    internal static Task<ChildProcess> StartAsync(ChildCommand command)
    {
        // `exec` keeps the pid, so the process is the program itself and not a shell around it.
        string[] arguments = ["-c", "exec \"$@\" </dev/null >>\"$0\" 2>&1", command.LogFile, .. Detached(command), .. command.Command];
        var start = new ProcessStartInfo("/bin/sh", arguments) { WorkingDirectory = command.WorkingDirectory, UserName = command.User };
        if (command.Environment is { } environment)
        {
            start.Environment.Clear();
            foreach (var (name, value) in environment) start.Environment[name] = value;
        }

        return StarterThread.RunAsync(() => new ChildProcess(command, Process.Start(start)!));
    }

    internal void Send(int signal)
    {
        if (!process.HasExited) Signal.Send(process.Id, signal);
    }

    public Task<int> StopAsync(TimeSpan patience) => StopAsync(Signal.Terminate, patience);

    internal async Task<int> StopAsync(int signal, TimeSpan patience)
    {
        Send(signal);
        Send(Signal.Continue); // a suspended process reacts only to SIGKILL
        await Task.WhenAny(Exited, Task.Delay(patience));
        Send(Signal.Kill);
        return await Exited;
    }

    private async Task<int> WaitAsync()
    {
        await process.WaitForExitAsync();
        return process.ExitCode;
    }

    // setsid: Ctrl-C in a terminal reaches its whole process group, so PostgreSQL would stop before the services have drained.
    // setsid and setpriv come with util-linux. Without them (macOS), the terminal's signal does reach the children.
    private static string[] Detached(ChildCommand command) => (CanDetach.Value, command.SignalWhenWeDie) switch
    {
        (false, _) => [],
        (true, null) => ["setsid"],
        (true, { } signal) => ["setsid", "setpriv", "--pdeathsig", signal],
    };

    private static readonly Lazy<bool> CanDetach = new(() =>
        OperatingSystem.IsLinux() && Command.Run(["setsid", "setpriv", "--pdeathsig", "KILL", "true"]).Succeeded);

    /// <summary>
    /// Starts all children on one thread that lives as long as the program. prctl(2): the kernel sends the death signal when the *thread*
    /// that started the child ends.
    /// </summary>
    private static class StarterThread
    {
        private static readonly Lazy<BlockingCollection<Action>> Work = new(() =>
        {
            var work = new BlockingCollection<Action>();
            new Thread(() => { foreach (var start in work.GetConsumingEnumerable()) start(); }) { IsBackground = true }.Start();
            return work;
        });

        internal static Task<ChildProcess> RunAsync(Func<ChildProcess> start)
        {
            var started = new TaskCompletionSource<ChildProcess>(TaskCreationOptions.RunContinuationsAsynchronously);
            Work.Value.Add(() =>
            {
                try { started.SetResult(start()); }
                catch (Exception e) { started.SetException(e); }
            });
            return started.Task;
        }
    }
}
