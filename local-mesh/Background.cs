using AuthMesh.LocalMesh.Processes;

namespace AuthMesh.LocalMesh;

/// <summary>Runs the mesh without a terminal: one call starts it and returns when it is ready, another call stops it.</summary>
internal static class Background
{
    internal static async Task<int> StartAsync(string folder, string[] arguments, CancellationToken stop)
    {
        DataFolder.RefuseIfRunning(folder);
        Directory.CreateDirectory(DataFolder.LogsIn(folder));
        var log = Path.Combine(DataFolder.LogsIn(folder), "local-mesh.log");
        LogFile.Rotate(log);
        var others = arguments.Where(argument => argument.Split('=')[0] != "--detach");
        string[] command = [ServiceOutput.DotNet, typeof(Background).Assembly.Location, .. others];
        var child = new ChildCommand("local-mesh", command, Environment.CurrentDirectory, log) { SignalWhenWeDie = null };
        var mesh = await ChildProcess.StartAsync(child);

        for (var shown = 0; ; await Task.WhenAny(mesh.Exited, Task.Delay(100, CancellationToken.None)))
        {
            var hasExited = mesh.Exited.IsCompleted; // checked before reading the log, so that its last line is not missed
            var written = LogFile.Read(log);
            Console.Write(written[shown..]);
            shown = written.Length;
            if (hasExited) return await mesh.Exited;
            if (written.Contains(Foreground.ReadyLine, StringComparison.Ordinal)) return 0;
            if (stop.IsCancellationRequested) mesh.Send(Signal.Terminate);
        }
    }

    internal static async Task<int> StopAsync(string folder)
    {
        if (DataFolder.RunningIn(folder) is not { } mesh)
        {
            Console.WriteLine($"No mesh runs on {folder}");
            return 0;
        }

        // Longer than the mesh waits for its services and PostgreSQL together.
        await mesh.EndAsync(Signal.Terminate, TimeSpan.FromSeconds(60));
        Console.WriteLine($"Stopped the mesh on {folder}, pid {mesh.Pid}");
        return 0;
    }
}
