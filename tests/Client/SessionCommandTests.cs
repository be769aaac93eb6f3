using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>Sessions, password and account of a user with the client on two machines, at a real mesh.</summary>
public sealed class SessionCommandTests(ProductionMesh mesh) : IDisposable
{
    private readonly Authmesh here = new(), there = new();
    private readonly string name = ProductionMesh.NewName();
    private readonly string password = "a password, with spaces ";

    private string Server => mesh.Gateway.Address.GetLeftPart(UriPartial.Authority);

    [Fact]
    public async Task A_user_stays_signed_in_after_the_access_token_expires()
    {
        await SignUpAndInAsync();
        var first = here.Session(Server);
        ExpireTheAccessToken();

        var clients = await Task.WhenAll(here.RunAsync("protected"), here.RunAsync("whoami"), here.RunAsync("account"));

        Assert.All(clients, client => Assert.Equal((0, ""), (client.ExitCode, client.Errors)));
        var renewed = here.Session(Server);
        Assert.NotEqual(first.Member("token"), renewed.Member("token"));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", renewed.Member("token"))).Status);
        Assert.InRange(
            renewed.GetProperty("refresh_expires_at").GetDateTimeOffset() - TimeProvider.System.GetUtcNow(), TimeSpan.FromDays(13),
            TimeSpan.FromDays(90));
        ExpireTheAccessToken(); // and again, with the renewed tokens
        (await here.RunAsync("protected")).AssertExited(0);
    }

    [Fact]
    public async Task A_damaged_access_token_is_renewed()
    {
        await SignUpAndInAsync();
        var token = here.Session(Server).Member("token")!;
        here.Keep(here.Sessions.Replace(token, token[..^8] + "AAAAAAAA", StringComparison.Ordinal));

        (await here.RunAsync("protected")).AssertExited(0);
    }

    [Fact]
    public async Task A_logout_revokes_both_tokens_and_leaves_the_other_machine_signed_in()
    {
        await SignUpAndInAsync();
        await SignInAsync(there, password);
        var session = here.Session(Server);

        var loggedOut = await here.RunAsync("logout");

        Assert.Equal((0, "Logged out successfully\n", ""), (loggedOut.ExitCode, loggedOut.Output, loggedOut.Errors));
        (await here.RunAsync("protected")).AssertFailed(4, $"Not signed in at {Server}");
        await Patience.UntilAsync(() => mesh.Gateway.GetAsync("/protected", session.Member("token")), answer => answer.Status == 401);
        (await mesh.Gateway.PostAsync("/refresh", new { refresh_token = session.Member("refresh_token") }))
            .AssertError(401, "invalid_refresh_token", "Invalid or expired refresh token");
        (await there.RunAsync("protected")).AssertExited(0);
    }

    [Fact]
    public async Task A_logout_works_with_an_expired_access_token()
    {
        await SignUpAndInAsync();
        ExpireTheAccessToken();

        (await here.RunAsync("logout")).AssertExited(0);
    }

    [Fact]
    public async Task A_user_can_list_sessions_and_end_another_one()
    {
        await SignUpAndInAsync();
        await SignInAsync(there, password);

        var shown = await here.RunAsync("sessions");
        shown.AssertExited(0);
        Assert.Matches(
            "^ +device +network +signed in +last used +id\n(this one  .+\n          .+|          .+\nthis one  .+)\n$", shown.Output);
        var listed = (await here.RunAsync("sessions", "--json")).Document().GetProperty("sessions").EnumerateArray().ToList();
        Assert.Equal(2, listed.Count);
        var other = Assert.Single(listed, session => !session.GetProperty("current").GetBoolean()).Member("id")!;
        Assert.Contains(other, shown.Output, StringComparison.Ordinal);

        var ended = await here.RunAsync("sessions", "end", other);
        Assert.Equal((0, "Session ended\n"), (ended.ExitCode, ended.Output));
        await AssertSignedOutAsync(there);
        (await here.RunAsync("sessions", "end", other)).AssertFailed(1, "hint: authmesh sessions shows your sessions");
        (await here.RunAsync("protected")).AssertExited(0);
        Assert.Single((await here.RunAsync("sessions", "--json")).Document().GetProperty("sessions").EnumerateArray());
    }

    [Fact]
    public async Task A_user_can_end_all_other_sessions()
    {
        await SignUpAndInAsync();
        await SignInAsync(there, password);

        var ended = (await here.RunAsync("sessions", "end", "--others", "--json")).Document();

        Assert.Equal(("success", "1"), (ended.Member("status"), ended.Member("ended")));
        await AssertSignedOutAsync(there);
        (await here.RunAsync("protected")).AssertExited(0);
    }

    [Fact]
    public async Task A_password_change_signs_out_the_other_machine()
    {
        const string next = "another password";
        await SignUpAndInAsync();
        await SignInAsync(there, password);

        (await here.PipeAsync($"not {password}\n{next}\n", "password", "--password-stdin"))
            .AssertFailed(1, "The current password is wrong", "hint: nothing was changed");
        (await here.PipeAsync($"{password}\nshort\n", "password", "--password-stdin")).AssertFailed(1, "new_password");
        // as an editor on Windows writes it
        var changed = await here.PipeAsync($"\ufeff{password}\r\n{next}\r\n", "password", "--password-stdin");

        Assert.Equal((0, "Password changed\n", ""), (changed.ExitCode, changed.Output, changed.Errors));
        (await here.RunAsync("protected")).AssertExited(0);
        ExpireTheAccessToken();
        (await here.RunAsync("protected")).AssertExited(0); // the new refresh token works too
        await AssertSignedOutAsync(there);
        (await there.PipeAsync(password, "login", name, "--password-stdin", "--server", Server)).AssertExited(4);
        await SignInAsync(there, next);
    }

    [Fact]
    public async Task A_user_can_show_and_delete_the_account()
    {
        await SignUpAndInAsync();
        await SignInAsync(there, password);

        var shown = await here.RunAsync("account");
        Assert.Matches(
            $"^name      {name}\nid        [0-9a-f-]{{36}}\nrole      user\ncreated   [^\n]+\nfactors   the password is enough\n"
            + $"server    {Server}\n$",
            shown.Output);
        Assert.Equal(name, (await here.RunAsync("account", "--json")).Document().Member("username"));

        (await here.PipeAsync($"not {password}\n", "account", "delete", "--yes", "--password-stdin"))
            .AssertFailed(1, "The current password is wrong");
        (await here.RunAsync("account")).AssertExited(0);
        var deleted = await here.PipeAsync($"{password}\n", "account", "delete", "--yes", "--password-stdin");

        Assert.Equal((0, "Account deleted\n", ""), (deleted.ExitCode, deleted.Output, deleted.Errors));
        (await here.RunAsync("account")).AssertFailed(4, $"Not signed in at {Server}");
        await AssertSignedOutAsync(there);
        (await here.PipeAsync(password, "login", name, "--password-stdin", "--server", Server)).AssertExited(4);
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, password)).Status); // the name is free again
    }

    public void Dispose()
    {
        here.Dispose();
        there.Dispose();
    }

    /// <summary>Waits until the other machine is signed out. Its first commands may come before the verifier knows of it.</summary>
    private static async Task AssertSignedOutAsync(Authmesh client) => (await Patience.UntilAsync(
        () => client.RunAsync("protected"), finished => finished.ExitCode != 0)).AssertFailed(4, "Invalid or expired refresh token",
        "hint: sign in again");

    /// <summary>Expires the access token by this machine's clock, as half an hour later.</summary>
    private void ExpireTheAccessToken()
    {
        var session = here.Session(Server);
        var expired = JsonSerializer.Serialize(TimeProvider.System.GetUtcNow());
        here.Keep(here.Sessions.Replace(session.GetProperty("expires_at").GetRawText(), expired, StringComparison.Ordinal));
    }

    private async Task SignUpAndInAsync()
    {
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, password)).Status);
        await SignInAsync(here, password);
    }

    private async Task SignInAsync(Authmesh client, string with) =>
        (await client.PipeAsync(with + "\n", "login", name, "--password-stdin", "--server", Server)).AssertExited(0);
}
