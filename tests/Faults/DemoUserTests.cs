using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Faults;

/// <summary>The demo users of the quick start: created in Development only, and never in place of an existing user.</summary>
public sealed class DemoUserTests(ProductionMesh mesh)
{
    private static readonly (string Name, string Password, string Role)[] DemoUsers =
        [("alice", "password123", "user"), ("bob", "qwerty456", "user"), ("admin", "admin123", "admin")];

    [Fact]
    public async Task Development_creates_marked_demo_users_with_current_hashes_and_logs_a_warning()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:DemoUsers"] = "true";
        own.Settings.Remove("Identity:Hashing:WorkFactor");
        await using var service = await StartReadyAsync(own, "Development");
        using var identity = new Caller(service);

        foreach (var (name, password, role) in DemoUsers)
        {
            Assert.Equal(role, RoleIn(await identity.TokenAsync(name, password)));
            Assert.Equal(1, await own.Database.ScalarAsync<long>(
                "SELECT count(*) FROM users WHERE username = $1 AND role = $2 AND is_demo AND password_hash LIKE "
                + "'hmac-sha384+bcrypt:%:$2_$12$%'", name, role));
        }

        (await identity.LoginAsync("alice", "qwerty456")).AssertError(401, "invalid_credentials");
        Assert.Equal(DemoUsers.Length, await own.Database.CountUsersAsync());
        await service.UntilLogMatchesAsync(" warn .*Demo users alice, bob and admin exist with publicly known passwords");

        Assert.Equal(200, (await identity.RegisterAsync("carol", "a password of her own")).Status);
        Assert.False(await own.Database.ScalarAsync<bool>("SELECT is_demo FROM users WHERE username = 'carol'"));
        Assert.Equal(200, (await identity.RegisterAsync("dave", "password123")).Status); // a common password, as the demo users have
    }

    [Fact]
    public async Task Beside_the_demo_users_the_console_client_is_registered_and_keeps_what_an_admin_changed()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        await using (await StartReadyAsync(own, "Development"))
        {
            Assert.Empty(await own.DumpAsync("applications"));
        }

        own.Settings["Identity:DemoUsers"] = "true";
        await using var service = await StartReadyAsync(own, "Development");
        using var identity = new Caller(service);
        Assert.Equal(
            "native t t {http://127.0.0.1/callback} {authorization_code,refresh_token,urn:ietf:params:oauth:grant-type:device_code}",
            await own.Database.ScalarAsync<string>(
                """
                SELECT concat_ws(' ', kind, is_first_party, require_consent, redirect_uris, grants)
                FROM applications WHERE client_id = 'authmesh-cli'
                """));
        var client = new RegisteredClient(Guid.Empty, "authmesh-cli", null, "");
        (await identity.AuthorizeDeviceAsync(client, "openid profile mesh offline_access account.read")).AssertOk(); // its defaults

        await own.Database.ExecuteAsync("UPDATE applications SET name = 'Ours', disabled_at = now()");
        var before = await own.DumpAsync("applications");
        await service.RestartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);

        Assert.Equal(before, await own.DumpAsync("applications"));
    }

    [Fact]
    public async Task A_restart_resets_no_password_and_promotes_nobody()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:DemoUsers"] = "true";
        await using var service = await StartReadyAsync(own, "Development");
        using var identity = new Caller(service);
        Assert.Equal(200, (await identity.RegisterAsync("carol", "a password of her own")).Status);
        await own.Database.ExecuteAsync(
            "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE username = 'carol') WHERE username = 'alice'");
        await own.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE username = 'bob'");
        await own.Database.ExecuteAsync("UPDATE users SET role = 'user' WHERE username = 'admin'");
        var before = await own.DumpAsync("users");

        await service.RestartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);

        // Bob is an admin now, so the restart does not create the first admin either.
        Assert.Equal(before, await own.DumpAsync("users"));
        Assert.Equal("user", RoleIn(await identity.TokenAsync("alice", "a password of her own")));
        Assert.Equal("admin", RoleIn(await identity.TokenAsync("bob", "qwerty456")));
        Assert.Equal("user", RoleIn(await identity.TokenAsync("admin", "admin123")));
        (await identity.LoginAsync("alice", "password123")).AssertError(401, "invalid_credentials");
    }

    [Fact]
    public async Task A_demo_user_does_not_replace_an_existing_user_of_that_name()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:FirstAdmin:Username"] = "chief";
        await using var service = await StartReadyAsync(own, "Development");
        using var identity = new Caller(service);
        Assert.Equal(200, (await identity.RegisterAsync("Bob", "bob's own password")).Status);
        Assert.Equal(200, (await identity.RegisterAsync("admin", "admin's own password")).Status);
        var before = await own.Database.ScalarAsync<string>(
            "SELECT string_agg(u::text, E'\\n' ORDER BY u::text) FROM users u WHERE normalized_username IN ('bob', 'admin')");
        await service.StopAsync();

        own.Settings["Identity:DemoUsers"] = "true";
        await using var withDemoUsers = await StartReadyAsync(own, "Development");
        using var again = new Caller(withDemoUsers);

        Assert.Equal(
            before, await own.Database.ScalarAsync<string>(
                "SELECT string_agg(u::text, E'\\n' ORDER BY u::text) FROM users u WHERE normalized_username IN ('bob', 'admin')"));
        Assert.Equal("user", RoleIn(await again.TokenAsync("bob", "bob's own password")));
        Assert.Equal("user", RoleIn(await again.TokenAsync("admin", "admin's own password")));
        (await again.LoginAsync("bob", "qwerty456")).AssertError(401, "invalid_credentials");
        (await again.LoginAsync("admin", "admin123")).AssertError(401, "invalid_credentials");
        Assert.Equal("user", RoleIn(await again.TokenAsync("alice", "password123"))); // this name was free
    }

    [Fact]
    public async Task Production_refuses_to_start_with_demo_users_and_names_the_command_that_removes_them()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:DemoUsers"] = "true";
        await using (var development = await StartReadyAsync(own, "Development"))
        {
            using var identity = new Caller(development);
            Assert.Equal(200, (await identity.RegisterAsync("carol", "a password of her own")).Status);
        }

        own.Settings["Identity:DemoUsers"] = "false";
        var before = await own.DumpAsync("users");
        var refused = await own.RunAsync("Production");
        refused.AssertExited(1);
        Assert.Contains("remove-demo-users", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await own.DumpAsync("users"));

        var removed = await own.RunAsync("Production", "remove-demo-users");
        removed.AssertExited(0);
        Assert.Contains("Removed 3 demo users.\n", removed.Output, StringComparison.Ordinal);
        Assert.Equal("carol", await own.Database.ScalarAsync<string>("SELECT string_agg(username, ' ') FROM users"));

        await using var production = await StartReadyAsync(own, "Production");
        using var cured = new Caller(production);
        Assert.Equal(200, (await cured.LoginAsync("carol", "a password of her own")).Status);
        foreach (var (name, password, _) in DemoUsers)
        {
            (await cured.LoginAsync(name, password)).AssertError(401, "invalid_credentials");
        }
    }

    [Fact]
    public async Task A_recovered_demo_admin_is_no_longer_a_demo_user()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:DemoUsers"] = "true";
        await (await StartReadyAsync(own, "Development")).DisposeAsync();
        own.Settings["Identity:DemoUsers"] = "false";

        (await own.RunAsync("Production", "recover-admin", "admin")).AssertExited(0);

        Assert.Contains("Removed 2 demo users.", (await own.RunAsync("Production", "remove-demo-users")).Output, StringComparison.Ordinal);
        Assert.Equal("admin", await own.Database.ScalarAsync<string>("SELECT string_agg(username, ' ') FROM users"));
        await (await StartReadyAsync(own, "Production")).DisposeAsync();
    }

    private static async Task<ServiceProcess> StartReadyAsync(OwnDatabase own, string environment)
    {
        var service = await own.StartAsync(environment);
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        return service;
    }

    private static string RoleIn(string token) => new JsonWebToken(token).GetClaim("role").Value;
}
