namespace AuthMesh.LocalMesh;

/// <summary>Runs the mesh in a terminal until Ctrl-C, and restarts every process that dies.</summary>
internal static class Foreground
{
    /// <summary>The last line of the startup output. Scripts wait for it.</summary>
    internal const string ReadyLine = "AuthMesh is ready at ";

    internal static async Task<int> RunAsync(MeshOptions options, CancellationToken stop)
    {
        try
        {
            await using var mesh = await Mesh.StartAsync(options, stop);
            if (options.DemoUsers) options.Report("Demo users: alice/password123, bob/qwerty456 and the admin admin/admin123");
            if (mesh.FirstAdminPasswordFile is { } file) options.Report($"The password of the first admin is in {file}");
            if (options.WritesMails) options.Report($"Mails are written to {mesh.MailFolder}");
            options.Report($"{ReadyLine}{mesh.Gateway.Address.GetLeftPart(UriPartial.Authority)}");
            try
            {
                await Supervisor.WatchAsync(mesh, stop);
            }
            finally
            {
                options.Report("Stopping the services, then PostgreSQL");
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            options.Report("Stopped");
        }

        return 0;
    }
}
