using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>Streams and environments other than a developer's terminal: cron jobs, containers, company machines, dotfiles.</summary>
public sealed class OddPlaceTests(ProductionMesh mesh) : IDisposable
{
    private const string Written = "authmesh: Standard output cannot be written: ";

    private readonly string home = Directory.CreateTempSubdirectory("authmesh-tests-").FullName;

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Theory]
    [InlineData("authmesh --help >&-", 2, Written + "It is closed")]
    [InlineData("authmesh --help >/dev/full", 2, Written)]
    [InlineData("authmesh --help 1</dev/null", 2, Written + "Bad file descriptor")]
    [InlineData("authmesh whoami 2</dev/null", 4)]
    [InlineData("authmesh whoami --json >/dev/full", 2, Written)]
    [InlineData("authmesh --help >&- 2>&-", 2)]
    [InlineData("authmesh --help <&- >&- 2>&-", 2)]
    [InlineData("authmesh whoami 2>&-", 4)]
    [InlineData("authmesh whoami 2>/dev/full", 4)]
    [InlineData("authmesh whoami <&-", 4, "Not signed in at ")]
    [InlineData("authmesh whoami", 4, "Not signed in at ")]
    [InlineData("authmesh login x --password-stdin <&-", 2, "Standard input is closed")]
    [InlineData("authmesh login x --password-stdin <.", 2, "Standard input cannot be read: Is a directory")]
    [InlineData("authmesh login x --password-stdin 0>written", 2, "Standard input cannot be read")]
    [InlineData("authmesh --help | head -n 1; exit ${PIPESTATUS[0]}", 0)]
    public async Task The_exit_code_is_right_even_with_closed_or_unusable_streams(string command, int exitCode, string said = "")
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "/proc tells a closed stream from an open one.");

        var finished = await ShellAsync(command);

        finished.AssertExited(exitCode);
        Assert.Contains(said, finished.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", finished.Errors, StringComparison.Ordinal); // no stack trace
    }

    [Fact]
    public async Task Output_that_cannot_be_written_is_a_failure_and_the_sign_in_is_kept()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        (await ShellAsync($"authmesh login {name} --password-stdin --server {Server} <<<'{password}' >&-")).AssertFailed(
            2, Written, "hint: the server may have carried out the command");
        (await ShellAsync("authmesh whoami >&-")).AssertFailed(2, Written);

        Assert.Contains($"name      {name}", (await ShellAsync("authmesh whoami")).Output, StringComparison.Ordinal);
        Assert.Contains($"name      {name}", (await ShellAsync("authmesh whoami <&-")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("XDG_CONFIG_HOME= HOME=relative", 2, "HOME names no folder where tokens can be kept", "hint: set XDG_CONFIG_HOME")]
    [InlineData("XDG_CONFIG_HOME= HOME=/proc", 2, "/proc/.config/authmesh/sessions.lock cannot be opened", "hint: set XDG_CONFIG_HOME")]
    [InlineData("XDG_CONFIG_HOME=/dev/null", 2, "/dev/null/authmesh/sessions.lock cannot be opened", "hint: set XDG_CONFIG_HOME")]
    [InlineData("AUTHMESH_SERVER=http://authmesh.invalid http_proxy=http://user:secret@127.0.0.1:9", 3,
        "Cannot reach http://authmesh.invalid through the proxy http://127.0.0.1:9: ", "no_proxy=authmesh.invalid bypasses it")]
    public async Task An_unusable_environment_is_reported_with_the_cure(string environment, int exitCode, params string[] said)
    {
        var (name, password, _) = await mesh.SignUpAsync();

        var refused = await RunAsync($"AUTHMESH_SERVER={Server} {environment}", password, "login", name, "--password-stdin");

        refused.AssertFailed(exitCode, said);
        Assert.DoesNotContain("secret", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(1, await mesh.Database.ScalarAsync<long>( // only the sign-up's: a session with lost tokens could only expire
            "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.normalized_username = $1", name));
    }

    [Theory]
    [InlineData("XDG_CONFIG_HOME=relative HOME=HERE/new")]
    [InlineData(
        "TERM= COLUMNS=-1 LINES=x NO_COLOR= LANG=xx_YY.nonsense LC_ALL=de_DE.ISO-8859-1 TZ=Nowhere/Nothing TZDIR=/nowhere TMPDIR=/nowhere")]
    [InlineData("http_proxy=http://127.0.0.1:9 https_proxy=nonsense all_proxy=socks5://127.0.0.1:9")] // loopback needs no proxy
    [InlineData("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0 DOTNET_SYSTEM_CONSOLE_ALLOW_ANSI_COLOR_REDIRECTION=1 DOTNET_gcServer=1")]
    public async Task An_unusual_environment_changes_nothing(string environment)
    {
        var (name, password, _) = await mesh.SignUpAsync();

        var signedIn = await RunAsync(environment, password, "login", $" {name} ", "--password-stdin", "--server", Server);
        var shown = await RunAsync(environment, "", "whoami");

        Assert.Equal((0, $"Welcome {name}!\n", ""), (signedIn.ExitCode, signedIn.Output, signedIn.Errors));
        Assert.StartsWith($"name      {name}\nrole      user\n", shown.Output, StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFiles(home, "sessions.*", SearchOption.AllDirectories).Length);
    }

    [Fact]
    public async Task A_umask_does_not_lock_the_owner_out_of_the_files()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        (await ShellAsync($"{{ umask 0777; authmesh login {name} --password-stdin --server {Server}; }} <<<'{password}'")).AssertExited(0);

        Assert.All(
            Directory.GetFiles(home, "sessions.*", SearchOption.AllDirectories),
            file => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file)));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(24, 3)]
    [InlineData(0, 0)]
    public async Task Help_is_shown_even_on_a_tiny_terminal(int rows, int columns)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "script(1) makes the terminal.");

        var finished = await ShellAsync($"script -qec 'stty rows {rows} columns {columns}; authmesh --help' /dev/null");

        finished.AssertExited(0);
        Assert.Contains("Signs you in", finished.Output, StringComparison.Ordinal);
        Assert.Contains("Exit codes:", finished.Output, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(home, recursive: true);

    /// <param name="environment">NAME=VALUE, separated by spaces; HERE is the folder of this test.</param>
    /// <param name="input">The standard input.</param>
    /// <param name="arguments">The arguments after `authmesh`.</param>
    private Task<Finished> RunAsync(string environment, string input, params string[] arguments)
    {
        var variables = new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = home };
        foreach (var (name, value) in environment.Split(' ').Select(variable => variable.Split('=', 2)).Select(pair => (pair[0], pair[1])))
        {
            variables[name] = value.Replace("HERE", home, StringComparison.Ordinal);
        }

        return Finished.RunAsync([Checkout.DotNet, Checkout.Dll("client", "authmesh"), .. arguments], variables, input, home);
    }

    private Task<Finished> ShellAsync(string command) => Finished.RunAsync(
        ["bash", "-c",
            $"authmesh() {{ '{Checkout.DotNet}' '{Checkout.Dll("client", "authmesh")}' \"$@\"; }}; export -f authmesh; {command}"],
        new Dictionary<string, string> { ["XDG_CONFIG_HOME"] = home, ["SHELL"] = "/bin/bash" }, folder: home);
}
