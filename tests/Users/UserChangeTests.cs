using System.Text;
using System.Text.Json;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Users;

/// <summary>What an admin can do to other users and to themselves. On a separate mesh, because the tests create admins.</summary>
[Collection<OnTwoReplicas>]
public sealed class UserChangeTests(TwoReplicas mesh, ITestOutputHelper output) : IAsyncLifetime
{
    private SignedIn admin = null!;

    private Caller Gateway => mesh.Gateway;

    public async ValueTask InitializeAsync() => admin = await NewAdminAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_role_change_voids_the_old_tokens_and_applies_to_new_sign_ins()
    {
        var other = await NewAdminAsync();
        Assert.Equal(200, (await Gateway.GetAsync("/admin", other.Token)).Status);

        var answer = await PatchAsync(other.UserId, new { role = "user" });

        Assert.Equal(200, answer.Status);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal($"User {other.Username} changed", answer.Message);
        Assert.Equal(("user", 0), (Shown(answer).GetProperty("role").GetString(), Shown(answer).GetProperty("sessions").GetInt32()));
        await AssertAllIsOverAsync(other, "/admin");
        Assert.Equal(403, (await Gateway.GetAsync("/admin", (await Gateway.SignInAgainAsync(other)).Token)).Status);

        // The role given back applies to sign-ins from then on.
        var demoted = await Gateway.SignInAgainAsync(other);
        Assert.Equal(200, (await PatchAsync(other.UserId, new { role = "admin" })).Status);
        await AssertAllIsOverAsync(demoted, "/protected");
        Assert.Equal(200, (await Gateway.GetAsync("/users", (await Gateway.SignInAgainAsync(other)).Token)).Status);
    }

    [Fact]
    public async Task Disabling_a_user_ends_every_session_and_enabling_revives_none()
    {
        var user = await Gateway.SignUpAsync();

        var disabled = await PatchAsync(user.UserId, new { disabled = true });

        Assert.Equal(200, disabled.Status);
        Assert.True(Shown(disabled).GetProperty("disabled").GetBoolean());
        await AssertAllIsOverAsync(user, "/protected");
        (await Gateway.LoginAsync(user.Username, user.Password)).AssertError(401, "invalid_credentials");
        var since = Shown(disabled).GetProperty("disabled_at").GetRawText();
        Assert.Equal(since, Shown(await PatchAsync(user.UserId, new { disabled = true })).GetProperty("disabled_at").GetRawText());

        var enabled = await PatchAsync(user.UserId, new { disabled = false });

        Assert.Equal(200, enabled.Status);
        Assert.False(Shown(enabled).GetProperty("disabled").GetBoolean());
        Assert.Equal(JsonValueKind.Null, Shown(enabled).GetProperty("disabled_at").ValueKind);
        await AssertAllIsOverAsync(user, "/protected");
        Assert.Equal(200, (await Gateway.GetAsync("/protected", (await Gateway.SignInAgainAsync(user)).Token)).Status);
    }

    [Fact]
    public async Task An_admin_can_sign_a_user_out_everywhere_and_the_user_can_sign_in_again()
    {
        var user = await Gateway.SignUpAsync();
        var other = await Gateway.SignInAgainAsync(user);
        var stranger = await Gateway.SignUpAsync();

        var answer = await SignOutAsync(user.UserId);

        Assert.Equal($$"""200 {"status":"success","message":"Ended 2 sessions of {{user.Username}}","ended":2}""", answer.ToString());
        await AssertAllIsOverAsync(user, "/protected");
        await AssertAllIsOverAsync(other, "/protected");
        var again = await Gateway.SignInAgainAsync(user);
        Assert.Equal(200, (await Gateway.GetAsync("/protected", again.Token)).Status);
        Assert.Equal(200, (await Gateway.GetAsync("/protected", stranger.Token)).Status);
        Assert.Equal("1", (await SignOutAsync(user.UserId)).Member("ended"));
        Assert.Equal($"Ended 0 sessions of {user.Username}", (await SignOutAsync(user.UserId)).Message);
    }

    [Fact]
    public async Task The_new_owner_of_a_deleted_users_name_inherits_nothing()
    {
        var old = await Gateway.SignUpAsync();
        await Gateway.SignInAgainAsync(old);

        var answer = await DeleteAsync(old.UserId);

        Assert.Equal($$"""200 {"status":"success","message":"User {{old.Username}} deleted"}""", answer.ToString());
        (await DeleteAsync(old.UserId)).AssertError(404, "not_found", "There is no such user");
        Assert.Equal(401, (await Gateway.LoginAsync(old.Username, old.Password)).Status);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", old.UserId));

        // The same name with the same password is still another user.
        Assert.Equal(200, (await Gateway.RegisterAsync(old.Username, old.Password)).Status);
        var next = await Gateway.SignInAgainAsync(old);
        Assert.NotEqual(old.UserId, next.UserId);
        await AssertAllIsOverAsync(old, "/protected");
        Assert.Equal(1, (await Gateway.GetAsync("/account/sessions", next.Token)).Json.GetProperty("sessions").GetArrayLength());
        (await Gateway.CallAsync(HttpMethod.Delete, $"/account/sessions/{old.SessionId}", next.Token))
            .AssertError(404, "session_not_found");
        Assert.Equal("user", Shown(await Gateway.GetAsync($"/users/{next.UserId}", admin.Token)).GetProperty("role").GetString());
        Assert.Equal(200, (await Gateway.GetAsync("/protected", next.Token)).Status); // deleting the old user does not affect the new one
    }

    [Fact]
    public async Task A_change_to_the_present_values_changes_nothing()
    {
        var user = await Gateway.SignUpAsync();
        var before = await mesh.Database.ScalarAsync<string>("SELECT u::text FROM users u WHERE id = $1", user.UserId);

        foreach (var body in (object[])[new { role = "user" }, new { disabled = false }, new { role = "user", disabled = false }])
        {
            var answer = await PatchAsync(user.UserId, body);
            Assert.Equal(200, answer.Status);
            Assert.Equal($"User {user.Username} unchanged", answer.Message);
        }

        Assert.Equal(before, await mesh.Database.ScalarAsync<string>("SELECT u::text FROM users u WHERE id = $1", user.UserId));
        Assert.False(await mesh.Database.IsRevokedAsync(user.Answer.AccessToken()));
        Assert.Equal(200, (await Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    public static TheoryData<string, string> Calls => new()
    {
        { "GET", "/users" }, { "GET", "/users/ID" }, { "PATCH", "/users/ID" }, { "DELETE", "/users/ID" },
            { "DELETE", "/users/ID/sessions" },
    };

    [Theory]
    [MemberData(nameof(Calls))]
    public async Task Only_an_admin_may_call_the_user_endpoints(string method, string path)
    {
        var user = await Gateway.SignUpAsync();
        var before = await RowAsync(user);
        foreach (var service in new[] { Gateway, mesh.Replica(0) })
        {
            (await CallAsync(service, method, path, user, token: null)).AssertError(401, "missing_token");
            (await CallAsync(service, method, path, user, "not.a.token")).AssertError(401, "invalid_token");
            (await CallAsync(service, method, path, user, user.Token)).AssertError(403, "forbidden", "Admin access required");
        }

        Assert.Equal(before, await RowAsync(user));
        Assert.Equal(200, (await CallAsync(Gateway, method, path, user, admin.Token)).Status);
    }

    public static TheoryData<string, string, string, int> Dead => new(
        from call in Calls
        from how in new[]
        {
            ("UPDATE users SET role = 'user' WHERE id = $1", 403),
            ("UPDATE users SET disabled_at = now() WHERE id = $1", 401),
            ("UPDATE users SET epoch = epoch + 1 WHERE id = $1", 401),
            ("UPDATE sessions SET ended_at = now() WHERE user_id = $1", 401),
            ("UPDATE sessions SET expires_at = now() WHERE user_id = $1", 401),
            ("DELETE FROM users WHERE id = $1", 401),
        }
        select (call.Data.Item1, call.Data.Item2, how.Item1, how.Item2));

    [Theory]
    [MemberData(nameof(Dead))]
    public async Task A_caller_who_is_no_longer_an_admin_is_refused_at_once(string method, string path, string how, int status)
    {
        var (former, user) = (await NewAdminAsync(), await Gateway.SignUpAsync());
        var before = await RowAsync(user);
        Assert.Equal(1, await mesh.Database.ExecuteAsync(how, former.UserId));

        // Asks the identity service itself, which does not depend on the feed.
        (await CallAsync(mesh.Replica(0), method, path, user, former.Token))
            .AssertError(status, status == 401 ? "invalid_token" : "forbidden");

        Assert.Equal(before, await RowAsync(user));
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"role":null}""")]
    [InlineData("""{"role":"Admin"}""", "role")]
    [InlineData("""{"role":"root"}""", "role")]
    [InlineData("""{"role":""}""", "role")]
    [InlineData("""{"role":"admin\u0000"}""", "role")]
    [InlineData("""{"role":1}""", "role")]
    [InlineData("""{"role":["admin"]}""", "role")]
    [InlineData("""{"disabled":"true"}""", "disabled")]
    [InlineData("""{"disabled":1}""", "disabled")]
    [InlineData("""{"disabled":true,"disabled":false}""", "disabled")]
    [InlineData("""{"role":"admin","role":"user"}""", "role")]
    [InlineData("""{"role":"admin","username":"root"}""", "username")]
    [InlineData("""{"Role":"admin"}""", "Role")]
    [InlineData("""{"role":"admin","epoch":0}""", "epoch")]
    [InlineData("""{"role":"admin"} {}""")]
    public async Task A_malformed_change_is_refused_and_changes_nothing(string body, params string[] fields)
    {
        var user = await Gateway.SignUpAsync();
        var before = await RowAsync(user);

        var answer = await Gateway.SendAsync(
            HttpMethod.Patch, $"/users/{user.UserId}", new StringContent(body, Encoding.UTF8, "application/json"),
            request => request.Headers.Authorization = new("Bearer", admin.Token));

        answer.AssertError(400, "invalid_request", fields: fields);
        Assert.Equal(before, await RowAsync(user));
    }

    [Fact]
    public async Task An_unknown_or_malformed_id_is_404()
    {
        var user = await Gateway.SignUpAsync();
        foreach (var id in (string[])
            [
                Guid.NewGuid().ToString(), Guid.Empty.ToString(), "x", "1", admin.UserId.ToString("N"), admin.Username, "%27",
                user.UserId + "%0a", user.UserId + "%20", "%20" + user.UserId, user.UserId + "%09", $"%7b{user.UserId}%7d",
            ])
        {
            foreach (var (method, path, body) in new (HttpMethod, string, object?)[]
            {
                (HttpMethod.Get, "", null), (HttpMethod.Patch, "", new { disabled = true }), (HttpMethod.Delete, "", null),
                    (HttpMethod.Delete, "/sessions", null),
            })
            {
                (await Gateway.CallAsync(method, $"/users/{id}{path}", admin.Token, body)).AssertError(404, "not_found");
            }
        }

        Assert.Equal(200, (await Gateway.GetAsync($"/users/{user.UserId.ToString().ToUpperInvariant()}", admin.Token)).Status);
    }

    [Fact]
    public async Task An_admin_may_act_on_their_own_account_while_another_admin_is_active()
    {
        var self = await NewAdminAsync();
        var signedOut = await Gateway.CallAsync(HttpMethod.Delete, $"/users/{self.UserId}/sessions", self.Token);
        Assert.Equal((200, ""), (signedOut.Status, signedOut.Cookie()));
        await AssertAllIsOverAsync(self, "/admin");

        self = await Gateway.SignInAgainAsync(self);
        var demoted = await Gateway.CallAsync(HttpMethod.Patch, $"/users/{self.UserId}", self.Token, new { role = "user" });
        Assert.Equal((200, ""), (demoted.Status, demoted.Cookie()));
        await AssertAllIsOverAsync(self, "/admin");

        var another = await NewAdminAsync();
        Assert.Equal(200, (await Gateway.CallAsync(HttpMethod.Delete, $"/users/{another.UserId}", another.Token)).Status);
        Assert.Equal(401, (await Gateway.LoginAsync(another.Username, another.Password)).Status);
    }

    [Fact]
    public async Task The_last_active_admin_can_be_neither_demoted_disabled_nor_deleted()
    {
        var disabledAdmin = await NewAdminAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE role = 'admin' AND id <> $1", admin.UserId);
        const string Message = "The last active admin can be neither demoted, disabled nor deleted";

        foreach (var body in (object[])[new { role = "user" }, new { disabled = true }, new { role = "user", disabled = true },
            new { role = "user", disabled = false }])
        {
            (await PatchAsync(admin.UserId, body)).AssertError(409, "last_admin", Message);
        }

        (await DeleteAsync(admin.UserId)).AssertError(409, "last_admin", Message);
        Assert.Equal(200, (await PatchAsync(admin.UserId, new { role = "admin", disabled = false })).Status);
        Assert.Equal(200, (await PatchAsync(disabledAdmin.UserId, new { role = "user" })).Status); // a disabled one does not count
        Assert.Equal(200, (await Gateway.GetAsync("/admin", admin.Token)).Status);

        await NewAdminAsync();
        Assert.Equal(200, (await PatchAsync(admin.UserId, new { disabled = true })).Status);
    }

    [Fact]
    public async Task Two_admins_who_act_concurrently_leave_one_active_admin()
    {
        const int Rounds = 200;
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE role = 'admin'");
        var names = await mesh.AddUsersAsync(2 * Rounds);
        for (var round = 0; round < Rounds; round++)
        {
            await mesh.Database.ExecuteAsync(
                "UPDATE users SET role = 'admin' WHERE username = ANY($1)", (object)names.Skip(2 * round).Take(2).ToArray());
            var admins = await Task.WhenAll(
                Enumerable.Range(0, 2).Select(i => mesh.Replica(i).SignInAsync(names[(2 * round) + i], SessionCalls.Password)));

            // In every other round they act on each other, in the rest on themselves, each in a different way.
            var answers = await Together.RunAsync(2, i => ActAsync(
                mesh.Replica(i), ((round / 2) + (i * (1 + (round % 3)))) % 4, admins[i], admins[round % 2 == 0 ? 1 - i : i]));

            Assert.Single(answers, answer => answer.Status == 200);
            var (status, code) = round % 2 == 0 ? (401, "invalid_token") : (409, "last_admin");
            Assert.Single(answers, answer => answer.Status != 200).AssertError(status, code);
            Assert.Equal(
                1, await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE role = 'admin' AND disabled_at IS NULL"));
        }

        output.WriteLine(
            $"{Rounds} rounds, half of them on each other and half on themselves: one was served, one refused, one active admin left");
    }

    private static Task<Answer> ActAsync(Caller replica, int how, SignedIn actor, SignedIn target) => how switch
    {
        0 => replica.CallAsync(HttpMethod.Patch, $"/users/{target.UserId}", actor.Token, new { role = "user" }),
        1 => replica.CallAsync(HttpMethod.Patch, $"/users/{target.UserId}", actor.Token, new { disabled = true }),
        2 => replica.CallAsync(HttpMethod.Delete, $"/users/{target.UserId}", actor.Token),
        _ when actor.UserId == target.UserId => replica.DeleteAccountAsync(actor.Token, actor.Password),
        _ => replica.CallAsync(HttpMethod.Patch, $"/users/{target.UserId}", actor.Token, new { role = "user", disabled = true }),
    };

    private async Task<SignedIn> NewAdminAsync() =>
        await Gateway.SignInAsync((await mesh.AddUsersAsync(1, "admin"))[0], SessionCalls.Password);

    private static JsonElement Shown(Answer answer) => answer.Json.GetProperty("user");

    private Task<Answer> PatchAsync(Guid id, object body) => Gateway.CallAsync(HttpMethod.Patch, $"/users/{id}", admin.Token, body);

    private Task<Answer> DeleteAsync(Guid id) => Gateway.CallAsync(HttpMethod.Delete, $"/users/{id}", admin.Token);

    private Task<Answer> SignOutAsync(Guid id) => Gateway.CallAsync(HttpMethod.Delete, $"/users/{id}/sessions", admin.Token);

    private static Task<Answer> CallAsync(Caller service, string method, string path, SignedIn user, string? token) => service.CallAsync(
        new HttpMethod(method), path.Replace("ID", user.UserId.ToString(), StringComparison.Ordinal), token,
        method == "PATCH" ? new { role = "admin" } : null);

    private Task<string> RowAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<string>("SELECT u::text FROM users u WHERE id = $1", user.UserId);

    /// <summary>
    /// Asserts that no replica accepts the token, refresh token or cookie, and that the gateway soon refuses the token.
    /// </summary>
    private async Task AssertAllIsOverAsync(SignedIn session, string path)
    {
        (await Gateway.RefreshAsync(session.RefreshToken)).AssertError(401, "invalid_refresh_token");
        (await mesh.Replica(0).GetAsync("/account", session.Token)).AssertError(401, "invalid_token");
        (await mesh.Replica(1).GetAsync("/account", session.Token)).AssertError(401, "invalid_token");
        (await mesh.Replica(1).ExchangeAsync(new { cookie = session.Cookie })).AssertError(401, "invalid_session");
        (await Patience.UntilAsync(() => Gateway.GetAsync(path, session.Token), answer => answer.Status != 200))
            .AssertError(401, "invalid_token");
    }
}
