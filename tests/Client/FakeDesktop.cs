using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>A desktop whose browser is the test: the opener writes the address into a file.</summary>
internal sealed class FakeDesktop : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    /// <param name="exitCode">The opener's.</param>
    public FakeDesktop(int exitCode = 0)
    {
        var opener = Path.Combine(folder, "xdg-open");
        File.WriteAllText(opener, $"#!/bin/sh\necho \"$1\" >'{Opened}.new' && mv '{Opened}.new' '{Opened}'\nexit {exitCode}\n");
        File.SetUnixFileMode(opener, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public IReadOnlyDictionary<string, string> Environment => new Dictionary<string, string>
    {
        ["DISPLAY"] = ":0", ["PATH"] = $"{folder}:{System.Environment.GetEnvironmentVariable("PATH")}",
    };

    /// <summary>The same, as a person sees it who is there over SSH.</summary>
    public IReadOnlyDictionary<string, string> OverSsh =>
        new Dictionary<string, string>(Environment) { ["SSH_CONNECTION"] = "192.0.2.1 1 192.0.2.2 22" };

    public bool HasOpened => File.Exists(Opened);

    private string Opened => Path.Combine(folder, "opened");

    /// <summary>The address that the browser was to open.</summary>
    public async Task<Uri> OpenedAsync(RunningClient client)
    {
        await Patience.UntilAsync(() => HasOpened);
        Assert.NotNull(client);
        return new Uri((await File.ReadAllTextAsync(Opened)).Trim());
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
