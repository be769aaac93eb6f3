using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Client;

/// <summary>The admin commands, on a separate mesh.</summary>
[Collection<OnTwoReplicas>]
public sealed class UserCommandTests(TwoReplicas mesh) : IAsyncLifetime
{
    private readonly Authmesh admin = new();
    private string adminName = "";

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    public async ValueTask InitializeAsync()
    {
        adminName = (await mesh.AddUsersAsync(1, "admin"))[0];
        await SignInAsync(admin, adminName);
    }

    [Fact]
    public async Task Users_are_listed_as_a_table_and_as_JSON()
    {
        var prefix = ProductionMesh.NewName();
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await mesh.Gateway.RegisterAsync($"{prefix}.{i}", SessionCalls.Password)).Status);
        }

        var table = await admin.RunAsync("users", "--search", prefix, "--limit", "2");
        table.AssertExited(0);
        Assert.Matches(
            $"^name +role +state +sessions +last used +created +id\n{prefix}\\.0  user  active  0 +-  +[0-9: -]+  "
            + $"[0-9a-f-]{{36}}\n{prefix}\\.1 [^\n]+\n$", table.Output);
        Assert.StartsWith("More users follow: --all shows them, or --after ", table.Errors, StringComparison.Ordinal);
        var next = table.Errors.TrimEnd('\n').Split(' ')[^1];
        var rest = (await admin.RunAsync("users", "list", "--search", prefix, "--limit", "2", "--after", next, "--json")).Document();
        Assert.Equal($"{prefix}.2", Assert.Single(rest.GetProperty("users").EnumerateArray()).Member("username"));

        var all = await admin.RunAsync("users", "list", "--all", "--search", prefix, "--limit", "1");
        Assert.Equal((0, 4, ""), (all.ExitCode, all.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length, all.Errors));
        var document = (await admin.RunAsync("users", "--all", "--search", prefix, "--limit", "1", "--json")).Document();
        Assert.Equal("3 users", document.Member("message"));
        Assert.Equal(3, document.GetProperty("users").GetArrayLength());
    }

    [Fact]
    public async Task An_admin_can_show_change_and_delete_a_user_by_name_or_id()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var name = user.Username;
        // another user whose name begins the same
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name + "-longer", SessionCalls.Password)).Status);

        var shown = await admin.RunAsync("users", "show", name.ToUpperInvariant());
        Assert.Matches(
            $"^name      {name}\nid        {user.UserId}\nrole      user\nstate     active\ncreated   [^\n]+\nsessions  1, last used "
            + $"[^\n]+\n$", shown.Output);
        Assert.Equal(
            name, (await admin.RunAsync("users", "show", "--id", user.UserId.ToString(), "--json")).Document().GetProperty("user")
            .Member("username"));

        Assert.Equal($"Ended 1 session of {name}\n", (await admin.RunAsync("users", "sign-out", name)).Output);
        Assert.Equal(
            $"{name} signs in without a second factor\n", (await admin.RunAsync("users", "remove-second-factor", name)).Output);
        Assert.Equal($"User {name} changed\n", (await admin.RunAsync("users", "role", name, "admin")).Output);
        Assert.Equal("admin", (await admin.RunAsync("users", "show", name, "--json")).Document().GetProperty("user").Member("role"));
        Assert.Equal($"User {name} unchanged\n", (await admin.RunAsync("users", "role", name, "admin")).Output);
        Assert.Equal($"User {name} changed\n", (await admin.RunAsync("users", "disable", name)).Output);
        Assert.Contains("\nstate     disabled since 2", (await admin.RunAsync("users", "show", name)).Output, StringComparison.Ordinal);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, user.Password)).Status);
        Assert.Equal(
            "success", (await admin.RunAsync("users", "enable", "--id", user.UserId.ToString("N"), "--json")).Document().Member("status"));
        await mesh.Gateway.SignInAgainAsync(user);

        (await admin.RunAsync("users", "delete", name))
            .AssertFailed(2, "Cannot ask for confirmation without a terminal", $"hint: authmesh users delete {name} --yes");
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, user.Password)).Status);
        Assert.Equal($"User {name} deleted\n", (await admin.RunAsync("users", "delete", name, "--yes")).Output);
        (await admin.RunAsync("users", "show", name)).AssertFailed(1, $"No user is named {name}");
        (await admin.RunAsync("users", "delete", "--id", user.UserId.ToString(), "--yes")).AssertFailed(1, "There is no such user");
        (await admin.RunAsync("users", "show", name + "-longer")).AssertExited(0);
    }

    [Fact]
    public async Task After_an_hour_the_client_asks_for_the_password_and_goes_on()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/script"), "script(1) makes the terminal.");
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync(
            """
            UPDATE sessions SET methods = '{"pwd": 1}' WHERE user_id = (SELECT id FROM users WHERE username = $1)
            """,
            adminName);
        admin.Expire(Server); // the next token says so

        // 1. Without a terminal, the command says what to do.
        (await admin.RunAsync("users", "disable", user.Username)).AssertFailed(
            4, "Confirm again that it is you", $"or sign in again: authmesh login {adminName}");
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);

        // 2. At a terminal, it asks. A wrong password changes nothing.
        var question = $"Password of {adminName}: ";
        var wrong = await admin.AtTerminalAsync(question, "a wrong password", "users", "disable", user.Username);
        Assert.Equal(1, wrong.ExitCode);
        Assert.Contains("The current password is wrong", wrong.Output, StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);

        var done = await admin.AtTerminalAsync(question, SessionCalls.Password, "users", "disable", user.Username);
        done.AssertExited(0);
        Assert.Contains($"User {user.Username} changed", done.Output, StringComparison.Ordinal);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);

        // 3. The proof stays with the session.
        (await admin.RunAsync("users", "enable", user.Username)).AssertExited(0);
    }

    [Fact]
    public async Task A_name_is_never_taken_for_an_id_nor_an_id_for_a_name()
    {
        var victim = await mesh.Gateway.SignUpAsync();
        var impostor = await mesh.Gateway.SignUpAsync();
        var (id, impostorId) = (victim.UserId.ToString(), impostor.UserId.ToString());

        (await admin.RunAsync("users", "sign-out", id)).AssertFailed(
            1, $"No user is named {id}", $"hint: if this is an id: authmesh users sign-out --id {id}");
        // as a user from before such names were refused
        await mesh.Database.ExecuteAsync("UPDATE users SET username = $1, normalized_username = $1 WHERE id = $2", id, impostor.UserId);

        Assert.Equal($"Ended 1 session of {id}\n", (await admin.RunAsync("users", "sign-out", id)).Output);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(victim.RefreshToken)).Status);
        Assert.Equal(
            $"Ended 1 session of {victim.Username}\n", (await admin.RunAsync("users", "sign-out", "--id", id.ToUpperInvariant())).Output);
        Assert.Equal(401, (await mesh.Gateway.RefreshAsync(victim.RefreshToken)).Status);

        Assert.Equal($"User {id} changed\n", (await admin.RunAsync("users", "role", "--id", impostorId, "admin")).Output);
        Assert.Equal($"User {id} unchanged\n", (await admin.RunAsync("users", "role", id, "admin")).Output);
        (await admin.RunAsync("users", "role", "--id", impostorId, "root")).AssertFailed(2, "The role must be admin or user");
        (await admin.RunAsync("users", "role", "--id", impostorId)).AssertFailed(2, "The role must be admin or user");
        (await admin.RunAsync("users", "role", victim.Username, "admin", "--id", id)).AssertFailed(2, "Give the name or --id, not both");
        (await admin.RunAsync("users", "show"))
            .AssertFailed(2, "Which user? Give the name, or --id and the id", "hint: authmesh users show --help");
        (await admin.RunAsync("users", "show", "--id", victim.Username)).AssertFailed(2, $"{victim.Username} is not an id");
        (await admin.RunAsync("users", "delete", "--id", id)).AssertFailed(2, $"hint: authmesh users delete --id {id} --yes");
    }

    [Fact]
    public async Task A_user_without_the_role_and_invalid_arguments_are_refused()
    {
        using var user = new Authmesh();
        var name = (await mesh.AddUsersAsync(1))[0];
        await SignInAsync(user, name);

        (await user.RunAsync("users")).AssertFailed(1, "Admin access required", "hint: sign in with an account that has the role");
        (await user.RunAsync("users", "role", name, "admin")).AssertFailed(1, "Admin access required");
        (await admin.RunAsync("users", "role", name, "root")).AssertFailed(2, "root");
        (await admin.RunAsync("users", "role", name)).AssertFailed(2);
        (await admin.RunAsync("users", "--limit", "many")).AssertFailed(2);
        (await admin.RunAsync("users", "--limit", "201")).AssertFailed(1, "limit: must be 1 to 200");
        (await admin.RunAsync("users", "--search", "a b")).AssertFailed(1, "search: must be the beginning of a name");
        (await admin.RunAsync("users", "--after", "nonsense")).AssertFailed(1, "after: ");
        (await admin.RunAsync("users", "disable", "../account")).AssertFailed(1, "search: ");
        Assert.Equal("invalid_request", (await admin.RunAsync("users", "--search", "%", "--json")).Document().Member("code"));

        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE role = 'admin' AND username <> $1", adminName);
        (await admin.RunAsync("users", "delete", adminName, "--yes"))
            .AssertFailed(1, "The last active admin", "hint: make somebody else an admin first");
        (await admin.RunAsync("users")).AssertExited(0);
    }

    public ValueTask DisposeAsync()
    {
        admin.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task SignInAsync(Authmesh client, string name) => Assert.Equal(
        0, (await client.PipeAsync(SessionCalls.Password + "\n", "login", name, "--password-stdin", "--server", Server)).ExitCode);
}
