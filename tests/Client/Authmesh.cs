using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
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

    /// <summary>Starts the client, without a browser unless the environment has one. The caller watches and ends it.</summary>
    public RunningClient Start(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        var variables = new Dictionary<string, string>
        {
            ["XDG_CONFIG_HOME"] = home, ["NO_COLOR"] = "1", ["DISPLAY"] = "", ["WAYLAND_DISPLAY"] = "", ["SSH_CONNECTION"] = "",
            ["SSH_CLIENT"] = "", ["SSH_TTY"] = "",
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            variables[name] = value;
        }

        // A shell that starts the tests in the background lets them, and what they start, ignore Ctrl-C.
        string[] command = ["env", "--default-signal=INT", Checkout.DotNet, Checkout.Dll("client", "authmesh"), .. arguments];
        return new RunningClient(Finished.Start(command, variables));
    }

    /// <summary>
    /// Runs the client at a terminal. A person types the line when the client asks for it. The terminal shows both streams as one output.
    /// </summary>
    public Task<Finished> AtTerminalAsync(string question, string typed, params string[] arguments) =>
        AtTerminalAsync([(question, _ => typed)], arguments);

    /// <summary>The same for several questions in their order. What a person types may depend on what was shown before.</summary>
    public async Task<Finished> AtTerminalAsync(
        IReadOnlyList<(string Question, Func<string, string> Answer)> talk, params string[] arguments)
    {
        string[] client = [Checkout.DotNet, Checkout.Dll("client", "authmesh"), .. arguments];
        using var terminal = Finished.Start(
            ["script", "--quiet", "--return", "--command", string.Join(' ', client), "/dev/null"],
            new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = home, ["NO_COLOR"] = "1" });
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromMinutes(1));
        var (shown, buffer) = (new StringBuilder(), new char[1024]);
        var (answered, seen) = (0, 0);
        while (await terminal.StandardOutput.ReadAsync(buffer, deadline.Token) is > 0 and var count)
        {
            shown.Append(buffer, 0, count);
            var text = shown.ToString();
            if (answered < talk.Count && text.IndexOf(talk[answered].Question, seen, StringComparison.Ordinal) is >= 0 and var at)
            {
                seen = at + talk[answered].Question.Length;
                await terminal.StandardInput.WriteAsync(talk[answered++].Answer(text) + "\r");
                await terminal.StandardInput.FlushAsync(deadline.Token);
            }
        }

        await terminal.WaitForExitAsync(deadline.Token);
        return new Finished(terminal.ExitCode, shown.ToString(), "");
    }

    /// <summary>Makes the stored access token look expired, so that the next command renews it.</summary>
    public void Expire(string server)
    {
        var stored = JsonNode.Parse(Sessions)!;
        stored["servers"]![server]!["expires_at"] = "2020-01-01T00:00:00+00:00";
        File.WriteAllText(SessionFile, stored.ToJsonString());
    }

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
