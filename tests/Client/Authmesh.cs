using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>The built client as users run it, with its own configuration folder.</summary>
internal sealed class Authmesh : IDisposable
{
    private readonly string home = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    public string Folder => Path.Combine(home, "authmesh");

    public string SessionFile => Path.Combine(Folder, "sessions.json");

    public string LockFile => Path.Combine(Folder, "sessions.lock");

    /// <summary>The text of the session file.</summary>
    public string Sessions => File.ReadAllText(SessionFile);

    /// <summary>The stored session of a server.</summary>
    public JsonElement Session(string server) => JsonElement.Parse(Sessions).GetProperty("servers").GetProperty(server);

    /// <summary>Writes the session file, as an earlier run would have left it.</summary>
    public void Keep(string sessions)
    {
        Directory.CreateDirectory(Folder);
        File.WriteAllText(SessionFile, sessions);
    }

    public Task<Finished> RunAsync(params string[] arguments) => PipeAsync("", arguments);

    /// <param name="input">The standard input, such as a password.</param>
    /// <param name="arguments">The arguments after `authmesh`.</param>
    public Task<Finished> PipeAsync(string input, params string[] arguments) => Finished.RunAsync(
        [Checkout.DotNet, Checkout.Dll("client", "authmesh"), .. arguments],
        new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = home, ["NO_COLOR"] = "1" },
        input);

    public void Dispose() => Directory.Delete(home, recursive: true);
}

internal static class ClientAnswers
{
    /// <summary>The one document that `--json` promises: one line, with nothing around it and nothing on standard error.</summary>
    public static JsonElement Document(this Finished command)
    {
        Assert.Empty(command.Errors);
        Assert.Equal(command.Output.IndexOf('\n', StringComparison.Ordinal), command.Output.Length - 1);
        return JsonElement.Parse(command.Output);
    }

    public static string? Member(this JsonElement document, string name) =>
        document.TryGetProperty(name, out var value) ? value.ToString() : null;

    public static void AssertFailed(this Finished command, int exitCode, params string[] said)
    {
        command.AssertExited(exitCode);
        Assert.Empty(command.Output);
        Assert.All(said, text => Assert.Contains(text, command.Errors, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", command.Errors, StringComparison.Ordinal); // no stack trace
    }
}
