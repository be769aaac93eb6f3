namespace AuthMesh.LocalMesh;

/// <summary>The mesh as a person runs it: until Ctrl-C, everything that dies started again.</summary>
internal static class Foreground
{
    /// <summary>The last line of a start. Scripts wait for it.</summary>
    internal const string ReadyLine = "AuthMesh is ready at ";

    internal static async Task<int> RunAsync(MeshOptions options, CancellationToken stop)
    {
        try
        {
            await using var mesh = await Mesh.StartAsync(options, stop);
            if (options.DemoUsers) options.Report("Demo users: alice/password123, bob/qwerty456 and, as admin, admin/admin123");
            if (mesh.FirstAdminPasswordFile is { } file) options.Report($"The password of the first admin is in {file}");
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
