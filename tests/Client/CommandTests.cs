using System.Text.Json;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>What a person or a script sees: messages, exit codes, and where a password and a token go.</summary>
public sealed class CommandTests(ProductionMesh mesh) : IDisposable
{
    private const string Password = "a password, with spaces ";
    private static readonly string Nobody = Loopback.Origin(9); // the discard port, on which nothing listens

    private readonly Authmesh authmesh = new();

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task A_user_can_register_sign_in_and_see_protected_content_but_not_the_admin_panel()
    {
        var name = ProductionMesh.NewName();

        var registered = await authmesh.PipeAsync(Password + "\n", "register", name, "--password-stdin", "--server", Server);
        Assert.Equal((0, $"User {name} registered successfully\n", ""), (registered.ExitCode, registered.Output, registered.Errors));
        (await authmesh.PipeAsync(Password + "\n", "register", name, "--password-stdin", "--server", Server))
            .AssertFailed(1, "authmesh: Username already exists", $"hint: choose another name, or: authmesh login {name}");
        (await authmesh.RunAsync("protected", "--server", Server))
            .AssertFailed(4, $"Not signed in at {Server}", $"hint: sign in: authmesh login NAME --server {Server}");

        var signedIn = await authmesh.PipeAsync(Password + "\n", "login", name, "--password-stdin", "--server", Server);
        Assert.Equal((0, $"Welcome {name}!\n", ""), (signedIn.ExitCode, signedIn.Output, signedIn.Errors));

        // From here on without --server, so the client uses the server of the last login.
        var shown = await authmesh.RunAsync("protected");
        Assert.Equal((0, $"You are viewing protected content, {name}!\n"), (shown.ExitCode, shown.Output));
        (await authmesh.RunAsync("admin"))
            .AssertFailed(1, "authmesh: Admin access required", "hint: sign in with an account that has the role");
        var who = await authmesh.RunAsync("whoami");
        who.AssertExited(0);
        Assert.Matches($"^name      {name}\nrole      user\nserver    {Server}\nexpires   [^\n]+ \\(in 14 days\\)\n$", who.Output);
    }

    [Fact]
    public async Task An_admin_can_see_the_admin_panel()
    {
        await SignInAsync("admin", ProductionMesh.AdminPassword);

        var shown = await authmesh.RunAsync("admin");

        Assert.Equal((0, "Welcome to the admin panel, admin!\n"), (shown.ExitCode, shown.Output));
    }

    [Fact]
    public async Task A_wrong_password_signs_nobody_in()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        (await authmesh.PipeAsync(password.ToUpperInvariant(), "login", name, "--password-stdin", "--server", Server))
            .AssertFailed(4, "authmesh: Invalid credentials", $"hint: check name and password; no account yet? authmesh register {name}");

        Assert.False(File.Exists(authmesh.SessionFile));
        await SignInAsync(name, password);
        Assert.True(File.Exists(authmesh.SessionFile));
    }

    [Fact]
    public async Task The_password_is_the_first_line_of_standard_input_without_line_end_or_byte_order_mark()
    {
        var name = ProductionMesh.NewName();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, Password)).Status);

        foreach (var (input, exitCode) in ((string, int)[])
            [(Password + "\nanother line\n", 0), (Password, 0), (Password + "\r\n", 0), ("\ufeff" + Password + "\r\nanother\r\n", 0),
                (Password.Trim(), 4),
            ("\ufeff\ufeff" + Password, 4), ("\n" + Password, 2), ("\ufeff\r\n" + Password, 2)])
        {
            var login = await authmesh.PipeAsync(input, "login", name, "--password-stdin", "--server", Server);
            Assert.Equal((input, exitCode), (input, login.ExitCode));
        }
    }

    [Fact]
    public async Task The_token_is_stored_in_a_file_that_only_its_owner_can_read()
    {
        Directory.CreateDirectory(authmesh.Folder);
        File.SetUnixFileMode(authmesh.Folder, (UnixFileMode)0b111_101_101); // 0755, as other programs leave it
        var name = await SignUpAndInAsync();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(authmesh.SessionFile));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(authmesh.Folder));
        Assert.Equal([authmesh.SessionFile, authmesh.LockFile], Directory.GetFileSystemEntries(authmesh.Folder).Order());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(authmesh.LockFile));
        Assert.DoesNotContain(Password, authmesh.Sessions, StringComparison.Ordinal);
        var session = authmesh.Session(Server);
        Assert.Equal(name, session.Member("username"));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", session.Member("token"))).Status);
    }

    [Fact]
    public async Task A_password_as_an_argument_is_refused()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        foreach (var arguments in (string[][])[["login", name, password], ["login", name, "--password", password],
            ["register", name, password]])
        {
            (await authmesh.RunAsync([.. arguments, "--server", Server])).AssertFailed(2, "authmesh: ", "hint: ");
        }

        Assert.False(File.Exists(authmesh.SessionFile));
    }

    [Theory]
    [InlineData("login")]
    [InlineData("register")]
    public async Task Without_a_terminal_the_command_fails_and_says_how_to_pipe_the_password_in(string command)
    {
        (await authmesh.RunAsync(command, "somebody", "--server", Server))
            .AssertFailed(
                2, "Cannot ask for the password without a terminal", $"hint: pipe it in: authmesh {command} NAME --password-stdin");
    }

    [Theory]
    [InlineData("protected")]
    [InlineData("login somebody --password-stdin")]
    [InlineData("register somebody --password-stdin")]
    public async Task A_server_that_does_not_answer_has_its_own_exit_code_and_hint(string command)
    {
        authmesh.Keep("""{"servers":{"NOBODY":{"username":"somebody","token":"a.b.c","expires_at":"2100-01-01T00:00:00+00:00"}}}"""
            .Replace("NOBODY", Nobody, StringComparison.Ordinal));

        (await authmesh.PipeAsync("password\n", [.. command.Split(' '), "--server", Nobody]))
            .AssertFailed(3, $"Cannot connect to {Nobody}", "hint: is the mesh running?");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"servers":null}""")]
    [InlineData(
        """{"servers":{"http://localhost:8080":{"username":"u","token":"a\r\nHost: evil","expires_at":"2100-01-01T00:00:00+00:00"}}}""")]
    [InlineData(
        """{"servers":{"http://localhost:8080":{"username":"u","token":"a","expires_at":"2100-01-01T00:00:00Z","refresh_token":""}}}""")]
    [InlineData(
        """{"servers":{"http://localhost:8080":{"username":"u","token":"a","expires_at":"2100-01-01T00:00:00Z","refresh_token":"a b"}}}""")]
    [InlineData(
        """{"servers":{"http://localhost:8080":{"username":"u","token":"a","expires_at":"2100-01-01T00:00:00Z","refresh_token":7}}}""")]
    [InlineData(
        """
        {"servers":{"http://localhost:8080":{"username":"u","token":"a","expires_at":"2100-01-01T00:00:00Z","refresh_token":"\ud800"}}}
        """)]
    [InlineData("""{"servers":{},"devices":{"http://localhost:8080":{"u":"a=b\r\nHost: evil"}}}""")]
    [InlineData("""{"servers":{},"devices":{"http://localhost:8080":{"u":"no pair"}}}""")]
    [InlineData("""{"servers":{},"devices":{"http://localhost:8080":{"u":null}}}""")]
    [InlineData("""{"servers":{},"devices":{"http://localhost:8080":null}}""")]
    [InlineData("""{"servers":{},"devices":[]}""")]
    public async Task A_damaged_session_file_is_named_and_left_alone(string content)
    {
        authmesh.Keep(content);

        (await authmesh.RunAsync("protected", "--server", Server))
            .AssertFailed(2, $"{authmesh.SessionFile} is damaged", "hint: delete this file");

        Assert.Equal(content, authmesh.Sessions);
    }

    [Fact]
    public async Task With_json_every_outcome_is_one_document()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        string[] login = ["login", name, "--password-stdin", "--json", "--server"];

        AssertSaid(4, "error", "not_signed_in", await authmesh.RunAsync("protected", "--json", "--server", Server));
        AssertSaid(3, "error", "unavailable", await authmesh.PipeAsync(password, [.. login, Nobody]));
        var refused = await authmesh.PipeAsync("wrong password", [.. login, Server]);
        AssertSaid(4, "error", "invalid_credentials", refused);
        Assert.Matches("^[0-9a-f]{32}$", refused.Document().Member("traceId")); // the server's own document, unchanged

        var signedIn = await authmesh.PipeAsync(password, [.. login, Server]);
        AssertSaid(0, "success", null, signedIn);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", signedIn.Document().Member("token"))).Status);
        var shown = await authmesh.RunAsync("protected", "--json");
        AssertSaid(0, "success", null, shown);
        Assert.Equal("user", shown.Document().Member("role"));
        var who = await authmesh.RunAsync("whoami", "--json");
        AssertSaid(0, "success", null, who);
        Assert.Equal(
            ["status", "username", "role", "server", "expires_at"], who.Document().EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            (name, "user", Server), (who.Document().Member("username"), who.Document().Member("role"), who.Document().Member("server")));

        AssertSaid(1, "error", "forbidden", await authmesh.RunAsync("admin", "--json"));
        AssertSaid(2, "error", "usage", await authmesh.RunAsync("nonsense", "--json"));

        static void AssertSaid(int exitCode, string status, string? code, Finished command) =>
            Assert.Equal(
                (exitCode, status, code), (command.ExitCode, command.Document().Member("status"), command.Document().Member("code")));
    }

    [Fact]
    public async Task A_token_is_sent_only_to_the_server_that_issued_it()
    {
        await using var other = new RecordingServer();
        await other.StartAsync();
        await SignUpAndInAsync();

        (await authmesh.RunAsync("protected", "--server", other.Origin))
            .AssertFailed(4, $"Not signed in at {other.Origin}", $"you are signed in at {Server}");

        Assert.Empty(other.Requests);
        (await authmesh.RunAsync("protected", "--server", Server)).AssertExited(0);
    }

    [Fact]
    public async Task A_login_does_not_follow_a_redirect()
    {
        await using var other = new RecordingServer();
        await other.StartAsync();
        await using var redirecting = RecordingServer.RedirectingTo(other);
        await redirecting.StartAsync();

        (await authmesh.PipeAsync(Password, "login", "somebody", "--password-stdin", "--server", redirecting.Origin))
            .AssertFailed(5, $"redirects to {other.Origin}/login");

        Assert.Equal(["POST /login"], redirecting.Requests);
        Assert.Empty(other.Requests);
        Assert.False(File.Exists(authmesh.SessionFile));
    }

    [Fact]
    public async Task A_session_that_the_server_refuses_is_explained_and_kept()
    {
        var name = await SignUpAndInAsync();
        var session = authmesh.Session(Server);
        authmesh.Keep(authmesh.Sessions
            .Replace(session.Member("token")!, session.Member("token")![..^8] + "AAAAAAAA", StringComparison.Ordinal)
            .Replace(session.Member("refresh_token")!, session.Member("refresh_token")![..^8] + "AAAAAAAA", StringComparison.Ordinal));
        var damaged = authmesh.Sessions;

        (await authmesh.RunAsync("whoami")).AssertFailed(
            4, "authmesh: Invalid or expired refresh token", "the server no longer accepts it",
            $"hint: sign in again: authmesh login {name}");

        Assert.Equal(damaged, authmesh.Sessions);
    }

    public void Dispose() => authmesh.Dispose();

    private async Task<string> SignUpAndInAsync()
    {
        var name = ProductionMesh.NewName();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, Password)).Status);
        await SignInAsync(name, Password);
        return name;
    }

    private async Task SignInAsync(string name, string password) =>
        (await authmesh.PipeAsync(password + "\n", "login", name, "--password-stdin", "--server", Server)).AssertExited(0);
}
