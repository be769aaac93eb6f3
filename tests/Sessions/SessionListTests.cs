using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Sessions;

public sealed class SessionListTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_list_shows_the_callers_live_sessions_with_the_last_used_first()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var phone = new SignedIn(user.Username, user.Password, await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/login", JsonContent.Create(new { username = user.Username, password = user.Password }),
            request => request.Headers.UserAgent.ParseAdd("a-phone/2.0")));
        await mesh.Gateway.SignUpAsync(); // somebody else
        await KillAsync(await mesh.Gateway.SignInAgainAsync(user), "ended_at = now()");
        await KillAsync(await mesh.Gateway.SignInAgainAsync(user), "expires_at = now()");
        await KillAsync(await mesh.Gateway.SignInAgainAsync(user), "epoch = -1");
        await mesh.Gateway.RefreshAsync(user.RefreshToken); // makes this the last used session

        var answer = await ListAsync(user);

        Assert.Equal(200, answer.Status);
        Assert.Equal(["status", "message", "sessions"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("You are signed in 2 times", answer.Message);
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        var sessions = Sessions(answer);
        Assert.Equal([user.SessionId, phone.SessionId], sessions.Select(session => session.GetProperty("id").GetGuid()));
        Assert.Equal([true, false], sessions.Select(session => session.GetProperty("current").GetBoolean()));
        Assert.Equal(["", "a-phone/2.0"], sessions.Select(session => session.GetProperty("device").GetString()));
        Assert.All(sessions, session =>
        {
            Assert.Equal(
                ["id", "device", "network", "created_at", "last_used_at", "expires_at", "current"],
                session.EnumerateObject().Select(member => member.Name));
            var (created, used, expires) = (Time(session, "created_at"), Time(session, "last_used_at"), Time(session, "expires_at"));
            Assert.True(created <= used);
            Assert.Equal(TimeSpan.FromDays(14), expires - used);
        });
        Assert.DoesNotContain(Convert.ToHexString(await mesh.Database.ScalarAsync<byte[]>(
            "SELECT cookie_hash FROM sessions WHERE id = $1", user.SessionId)), answer.Text, StringComparison.OrdinalIgnoreCase);
        Assert.Equal([false, true], Sessions(await ListAsync(phone)).Select(session => session.GetProperty("current").GetBoolean()));
    }

    [Fact]
    public async Task Ending_a_session_ends_no_other()
    {
        var (user, other, third) = await ThreeAsync();

        var answer = await EndAsync(user, other.SessionId.ToString());

        Assert.Equal("""200 {"status":"success","message":"Session ended"}""", answer.ToString());
        Assert.Null(answer.Cookie());
        Assert.True(await mesh.Database.IsRevokedAsync(other.Answer.AccessToken()));
        await AssertLiveAsync(user, third);
        (await EndAsync(user, other.SessionId.ToString())).AssertError(404, "session_not_found");
    }

    [Fact]
    public async Task Ending_the_current_session_logs_out()
    {
        var (user, other, _) = await ThreeAsync();

        var answer = await EndAsync(user, user.SessionId.ToString());

        Assert.Equal(200, answer.Status);
        Assert.Equal("", answer.Cookie());
        Assert.True(await mesh.Database.IsRevokedAsync(user.Answer.AccessToken()));
        await AssertLiveAsync(other);
    }

    [Fact]
    public async Task Ending_another_users_session_is_404()
    {
        var (user, other) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());

        foreach (var id in (string[])
            [
                other.SessionId.ToString(), Guid.NewGuid().ToString(), Guid.Empty.ToString(), "x", "1", user.SessionId.ToString("N"),
                user.SessionId + "%0a", user.SessionId + "%20", "%20" + user.SessionId, // other spellings of the caller's own id
            ])
        {
            (await EndAsync(user, id)).AssertError(404, "session_not_found");
        }

        await AssertLiveAsync(user, other);
    }

    [Fact]
    public async Task Ending_the_other_sessions_ends_and_counts_them()
    {
        var (user, other, third) = await ThreeAsync();
        var stranger = await mesh.Gateway.SignUpAsync();

        var answer = await EndOthersAsync(user);

        Assert.Equal("""200 {"status":"success","message":"Ended 2 other sessions","ended":2,"ended_keys":0}""", answer.ToString());
        Assert.True(await mesh.Database.IsRevokedAsync(other.Answer.AccessToken()));
        Assert.True(await mesh.Database.IsRevokedAsync(third.Answer.AccessToken()));
        await AssertLiveAsync(user, stranger);

        Assert.Equal(
            """{"status":"success","message":"Ended 0 other sessions","ended":0,"ended_keys":0}""", (await EndOthersAsync(user)).Text);
        await mesh.Gateway.SignInAgainAsync(user);
        Assert.Equal(
            """{"status":"success","message":"Ended 1 other session","ended":1,"ended_keys":0}""", (await EndOthersAsync(user)).Text);
    }

    [Fact]
    public async Task Sessions_that_end_each_other_concurrently_do_not_deadlock()
    {
        var user = await mesh.Gateway.SignUpAsync();
        for (var round = 0; round < 5; round++)
        {
            var sessions = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => mesh.Gateway.SignInAgainAsync(user)));

            var answers = await Together.RunAsync(8, i => EndOthersAsync(sessions[i]));

            Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 401 }));
            Assert.Contains(answers, answer => answer.Status == 200);
            Assert.InRange(
                await mesh.Database.ScalarAsync<long>(
                    "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL", user.UserId), 0, 1);
        }
    }

    private Task<Answer> ListAsync(SignedIn user) => mesh.Gateway.GetAsync("/account/sessions", user.Token);

    private Task<Answer> EndAsync(SignedIn user, string id) =>
        mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/sessions/" + id, user.Token);

    private Task<Answer> EndOthersAsync(SignedIn user) => mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/sessions", user.Token);

    private async Task<(SignedIn User, SignedIn Other, SignedIn Third)> ThreeAsync()
    {
        var user = await mesh.Gateway.SignUpAsync();
        return (user, await mesh.Gateway.SignInAgainAsync(user), await mesh.Gateway.SignInAgainAsync(user));
    }

    private async Task KillAsync(SignedIn session, string how) =>
        Assert.Equal(1, await mesh.Database.ExecuteAsync($"UPDATE sessions SET {how} WHERE id = $1", session.SessionId));

    private async Task AssertLiveAsync(params SignedIn[] sessions)
    {
        foreach (var session in sessions)
        {
            Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", session.Token)).Status);
            Assert.False(await mesh.Database.IsRevokedAsync(session.Answer.AccessToken()));
        }
    }

    private static List<JsonElement> Sessions(Answer answer) => [.. answer.Json.GetProperty("sessions").EnumerateArray()];

    private static DateTimeOffset Time(JsonElement session, string name) =>
        DateTimeOffset.Parse(session.GetProperty(name).GetString()!, CultureInfo.InvariantCulture);
}
