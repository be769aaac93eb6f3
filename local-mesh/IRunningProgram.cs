namespace AuthMesh.LocalMesh;

/// <summary>The program of a service that was started: a child process, or what a test puts in its place.</summary>
public interface IRunningProgram
{
    /// <summary>Its exit code; 128 + n if signal n ended it.</summary>
    Task<int> Exited { get; }

    /// <summary>Asks the program to end, as SIGTERM does.</summary>
    /// <param name="patience">For how long it may answer requests in progress.</param>
    Task<int> StopAsync(TimeSpan patience);
}

/// <summary>How to start the program of a service.</summary>
/// <param name="Name">`identity-service`, `resource-service` or `gateway`.</param>
/// <param name="Program">The assembly, or an executable file.</param>
/// <param name="Settings">All its settings, and those of its host: `environment` and `urls`.</param>
/// <param name="LogFile">Gets its output, after what stands there already.</param>
public sealed record ServiceStart(string Name, string Program, IReadOnlyDictionary<string, string> Settings, string LogFile);
