using System.Text.RegularExpressions;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using Microsoft.IdentityModel.JsonWebTokens;
using Npgsql;

namespace AuthMesh.Tests.Faults;

/// <summary>A new mesh gets exactly one admin, and an operator can recover a lost admin password on the machine itself.</summary>
public sealed class FirstAdminTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_missing_password_is_generated_once_into_a_file_that_only_its_owner_can_read()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        var file = own.FileIn("generated-password");
        await File.WriteAllTextAsync(file, "left behind, and readable by all", TestContext.Current.CancellationToken);
        await using var service = await StartReadyAsync(own);
        using var identity = new Caller(service);

        var password = (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).TrimEnd('\n');
        Assert.Matches("^[A-Za-z0-9]{24}$", password);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.Equal("admin", RoleIn(await identity.TokenAsync("admin", password)));
        await service.UntilLoggedAsync($"the password is in {file}");

        var before = await own.DumpAsync("users");
        await service.RestartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);

        Assert.Equal(before, await own.DumpAsync("users"));
        Assert.Equal(password, (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).TrimEnd('\n'));
        Assert.Equal("admin", RoleIn(await identity.TokenAsync("admin", password)));
        Assert.DoesNotContain(password, service.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_generated_password_that_cannot_be_saved_stops_the_start_and_creates_no_admin()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:FirstAdmin:GeneratedPasswordFile"] = own.FileIn("no-such-folder/password");

        var refused = await own.RunAsync("Production");

        refused.AssertExited(1);
        Assert.Contains("Identity:FirstAdmin:GeneratedPasswordFile", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(0, await own.Database.CountUsersAsync());
    }

    [Fact]
    public async Task An_ordinary_user_with_the_first_admins_name_stops_the_start_and_is_not_promoted()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        await using (var service = await StartReadyAsync(own))
        {
            using var identity = new Caller(service);
            Assert.Equal(200, (await identity.RegisterAsync("Chief", "an ordinary password")).Status);
        }

        await own.Database.ExecuteAsync("DELETE FROM users WHERE role = 'admin'");
        var before = await own.DumpAsync("users");
        own.Settings["Identity:FirstAdmin:Username"] = "chief";
        var refused = await own.RunAsync("Production");
        refused.AssertExited(1);
        Assert.Contains("already belongs to an ordinary user", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("Identity:FirstAdmin:Username", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await own.DumpAsync("users"));

        own.Settings["Identity:FirstAdmin:Username"] = "another-chief";
        await using var cured = await StartReadyAsync(own);
        Assert.Equal(
            "another-chief", await own.Database.ScalarAsync<string>("SELECT string_agg(username, ' ') FROM users WHERE role = 'admin'"));
    }

    [Fact]
    public async Task A_password_file_must_hold_a_valid_password_and_its_line_end_does_not_count()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:FirstAdmin:PasswordFile"] = own.FileIn("password");
        await File.WriteAllTextAsync(own.FileIn("password"), "sEvEn-7\n", TestContext.Current.CancellationToken);

        var refused = await own.RunAsync("Production");
        refused.AssertExited(1);
        Assert.Contains("Identity:FirstAdmin:PasswordFile", refused.Errors, StringComparison.Ordinal);
        Assert.Contains("8 to 256 characters", refused.Errors, StringComparison.Ordinal);
        Assert.DoesNotContain("sEvEn-7", refused.Output + refused.Errors, StringComparison.Ordinal);

        await File.WriteAllTextAsync(own.FileIn("password"), "Admin-2026\n", TestContext.Current.CancellationToken);
        refused = await own.RunAsync("Production");
        refused.AssertExited(1);
        Assert.Contains(
            "Identity:FirstAdmin:PasswordFile names a file whose password is little more than your name", refused.Errors,
            StringComparison.Ordinal);
        Assert.DoesNotContain("Admin-2026", refused.Output + refused.Errors, StringComparison.Ordinal);

        await File.WriteAllTextAsync(own.FileIn("password"), "eIgHt--8\n", TestContext.Current.CancellationToken);
        await using var service = await StartReadyAsync(own);
        using var identity = new Caller(service);
        Assert.Equal("admin", RoleIn(await identity.TokenAsync("admin", "eIgHt--8")));
        Assert.DoesNotContain("eIgHt--8", service.Output, StringComparison.Ordinal);
        Assert.False(File.Exists(own.FileIn("generated-password")));
    }

    [Fact]
    public async Task Recovering_an_admin_prints_a_new_password_once_and_promotes_no_user()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:FirstAdmin:PasswordFile"] = own.FileIn("password");
        await File.WriteAllTextAsync(own.FileIn("password"), "the old password", TestContext.Current.CancellationToken);
        await using var service = await StartReadyAsync(own);
        using var identity = new Caller(service);
        Assert.Equal(200, (await identity.RegisterAsync("carol", "an ordinary password")).Status);
        await own.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE username = 'admin'");

        // 1. Recover the existing admin while the service runs. A second factor goes with the password.
        await own.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE username = 'admin'");
        await own.Database.ExecuteAsync(
            "INSERT INTO recovery_codes (user_id, code_hash, key_id) SELECT id, sha256(''), 'x' FROM users WHERE username = 'admin'");
        var recovered = await own.RunAsync("Production", "recover-admin", "ADMIN");
        Assert.Equal("admin", RoleIn(await identity.TokenAsync("admin", PasswordIn(recovered))));
        (await identity.LoginAsync("admin", "the old password")).AssertError(401, "invalid_credentials");
        Assert.Equal("", await own.DumpAsync("recovery_codes"));
        // earlier tokens are void
        Assert.Equal(1, await own.Database.ScalarAsync<int>("SELECT epoch FROM users WHERE username = 'admin'"));

        // 2. The command does not promote an ordinary user.
        var before = await own.DumpAsync("users");
        var refused = await own.RunAsync("Production", "recover-admin", "carol");
        refused.AssertExited(1);
        Assert.Contains("carol is an ordinary user", refused.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await own.DumpAsync("users"));
        Assert.Equal("user", RoleIn(await identity.TokenAsync("carol", "an ordinary password")));

        // 3. It creates no admin whose name has the form of an id, but recovers an existing one.
        var id = Guid.NewGuid().ToString();
        var unnamed = await own.RunAsync("Production", "recover-admin", id);
        unnamed.AssertExited(1);
        Assert.Contains("must not have the form of an id", unnamed.Errors, StringComparison.Ordinal);
        Assert.Equal(before, await own.DumpAsync("users"));
        await own.Database.ExecuteAsync("UPDATE users SET username = $1, normalized_username = $1 WHERE username = 'admin'", id);
        Assert.Equal("admin", RoleIn(await identity.TokenAsync(id, PasswordIn(await own.RunAsync("Production", "recover-admin", id)))));

        // 4. A free name becomes an admin with its own password. An unknown command is refused.
        var made = await own.RunAsync("Production", "recover-admin", "Second.Admin");
        Assert.Equal("admin", RoleIn(await identity.TokenAsync("second.admin", PasswordIn(made))));
        Assert.NotEqual(PasswordIn(recovered), PasswordIn(made));
        var unknown = await own.RunAsync("Production", "promote", "carol");
        unknown.AssertExited(1);
        Assert.Contains("recover-admin <NAME>", unknown.Errors, StringComparison.Ordinal);
        Assert.Equal(2, await own.Database.ScalarAsync<long>("SELECT count(*) FROM users WHERE role = 'admin'"));

        // 5. A change of the password at this moment raises the epoch, and the recovery raises it once more: both are told to verifiers.
        await using (var holder = new NpgsqlConnection(own.Database.ConnectionString))
        {
            await holder.OpenAsync(TestContext.Current.CancellationToken);
            await using var transaction = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await using var change = new NpgsqlCommand("UPDATE users SET epoch = epoch + 1 WHERE username = 'Second.Admin'", holder);
            Assert.Equal(1, await change.ExecuteNonQueryAsync(TestContext.Current.CancellationToken));
            var waiting = own.RunAsync("Production", "recover-admin", "second.admin");
            await own.Database.UntilOneWaitsAsync();
            await transaction.CommitAsync(TestContext.Current.CancellationToken);
            PasswordIn(await waiting);
        }

        Assert.Equal(2, await own.Database.ScalarAsync<int>("SELECT epoch FROM users WHERE username = 'Second.Admin'"));
    }

    private static async Task<ServiceProcess> StartReadyAsync(OwnDatabase own)
    {
        var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        return service;
    }

    private static string PasswordIn(Finished command)
    {
        command.AssertExited(0);
        var password = Assert.Single(
            Regex.Matches(command.Output, "^The password of admin .* is now ([A-Za-z0-9]{24})$", RegexOptions.Multiline)).Groups[1].Value;
        Assert.Single(Regex.Matches(command.Output + command.Errors, password)); // printed once
        return password;
    }

    private static string RoleIn(string token) => new JsonWebToken(token).GetClaim("role").Value;
}
