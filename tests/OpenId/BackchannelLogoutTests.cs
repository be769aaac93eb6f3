using System.Net.Http.Json;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Http;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>Applications are told of ended sessions (OpenID Connect Back-Channel Logout 1.0), by a mesh as it runs in production.</summary>
public sealed class BackchannelLogoutTests(ProductionMesh mesh) : IAsyncLifetime
{
    private LogoutEndpoint endpoint = null!, other = null!;
    private RegisteredClient client = null!, otherClient = null!;
    private string admin = "";

    public async ValueTask InitializeAsync()
    {
        (endpoint, other) = (await LogoutEndpoint.StartAsync(), await LogoutEndpoint.StartAsync());
        admin = await mesh.AdminTokenAsync();
        (client, otherClient) = (await AddAsync(endpoint), await AddAsync(other));
    }

    [Theory]
    [InlineData("the user signs out at the mesh", "mine, mine at the other")]
    [InlineData("the user signs out at an application", "mine, mine at the other")]
    [InlineData("the user ends the other sessions", "mine, mine at the other")]
    [InlineData("the user signs in at the application again", "mine")]
    [InlineData("the user changes the password", "mine, mine at the other")]
    [InlineData("the user deletes the account", "mine, mine at the other")]
    [InlineData("the application revokes its token", "mine")]
    [InlineData("somebody replays a refresh token", "mine")]
    [InlineData("an admin signs the user out", "mine, mine at the other")]
    [InlineData("an admin disables the user", "mine, mine at the other")]
    [InlineData("an admin deletes the user", "mine, mine at the other")]
    [InlineData("an admin disables the application", "mine, somebody else's")]
    [InlineData("an admin takes a scope from the application", "mine, somebody else's")]
    [InlineData("an admin deletes the application", "mine, somebody else's")]
    public async Task An_application_is_told_once_when(string what, string told)
    {
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var (stranger, _) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client));
        var mine = Session(tokens);
        var mineAtOther = Session(await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(otherClient)));
        var others = Session(await stranger.SignInAtAsync(mesh.Gateway, new CodeFlow(client)));
        Assert.Empty(endpoint.Received.Concat(other.Received));

        await EndAsync(what, visitor, username, tokens);

        Guid[] expected = [mine, .. told.Contains("else's", StringComparison.Ordinal) ? (Guid[])[others] : []];
        await endpoint.UntilToldAsync(expected);
        await other.UntilToldAsync(told.Contains("at the other", StringComparison.Ordinal) ? [mineAtOther] : []);
        await UntilNothingWaitsAsync();
        await endpoint.UntilToldAsync(expected); // and no more often
        var received = endpoint.Received.Single(logout => logout.SessionId == mine);
        await received.AssertGoodAsync(mesh, client.ClientId);
        Assert.Equal(new JsonWebToken(tokens.Member("access_token")).Subject, received.Token.Subject);
    }

    [Fact]
    public async Task A_logout_token_is_no_access_token_and_no_id_token()
    {
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client, "openid mesh"));
        await EndAsync(Session(tokens));
        await endpoint.UntilReceivedAsync(1);
        var logoutToken = endpoint.Received[0].Token.EncodedToken;

        (await mesh.Gateway.GetAsync("/protected", logoutToken)).AssertError(401, "invalid_token");
        var atUserInfo = await mesh.Gateway.GetAsync("/userinfo", logoutToken);
        Assert.Equal((401, "invalid_token"), (atUserInfo.Status, atUserInfo.Code));
        var again = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client));
        var path = "/end-session?post_logout_redirect_uri=" + Uri.EscapeDataString(RegisteredClient.SignedOut) + "&id_token_hint=";
        Assert.Contains("data-send", (await visitor.GetAsync(path + again.Member("id_token"))).Text, StringComparison.Ordinal);
        Assert.DoesNotContain("data-send", (await visitor.GetAsync(path + logoutToken)).Text, StringComparison.Ordinal); // it is no hint
    }

    [Fact]
    public async Task An_application_that_answers_500_is_told_again_with_the_same_id()
    {
        endpoint.Answer = AnswerAsync(500);
        var sessionId = await EndOneAsync();
        await UntilTriedAsync(1);

        endpoint.Answer = AnswerAsync(204);
        await TryNowAsync();

        await UntilNothingWaitsAsync();
        Assert.Equal([sessionId, sessionId], endpoint.Sessions);
        Assert.Single(endpoint.Received.Select(logout => logout.Token.Id).Distinct());
        Assert.Equal(0, CountLogged(sessionId));
    }

    [Fact]
    public async Task After_three_tries_within_a_minute_a_delivery_is_given_up_and_logged_once()
    {
        endpoint.Answer = AnswerAsync(503);
        var sessionId = await EndOneAsync();
        var pauses = new List<double>();
        for (var tries = 1; tries <= 2; tries++)
        {
            await UntilTriedAsync(tries);
            pauses.Add(await mesh.Database.ScalarAsync<double>(
                "SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM logout_deliveries WHERE client_id = $1", client.ClientId));
            await TryNowAsync();
        }

        await UntilNothingWaitsAsync();
        await mesh.Mesh.Identity.UntilLogMatchesAsync($"logout_undelivered.*{sessionId}.*{client.ClientId}: it answers 503");
        Assert.Equal(1, CountLogged(sessionId));
        Assert.Equal(3, endpoint.Received.Count);
        Assert.All(pauses.Zip([5.0, 20]), pause => Assert.InRange(pause.First, pause.Second - 4, pause.Second));

        endpoint.Answer = AnswerAsync(200); // it is no worse off afterwards
        var next = await EndOneAsync();
        await Patience.UntilAsync(() => endpoint.Sessions.Contains(next));
    }

    [Fact]
    public async Task An_application_that_hangs_holds_up_nobody_else()
    {
        var released = new TaskCompletionSource();
        endpoint.Answer = context => released.Task.WaitAsync(context.RequestAborted);
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var sessionId = Session(await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(otherClient)));
        await AddDeliveriesAsync(20);
        await endpoint.UntilReceivedAsync(8);

        await EndAsync(sessionId);
        await other.UntilToldAsync(sessionId);

        // It gets no more than 8 at a time, and none of these tries is over yet: then the next one would have come.
        Assert.Equal(8, endpoint.Received.Count);
        released.SetResult();
        await endpoint.UntilReceivedAsync(20);
    }

    /// <summary>Without a notification, an idle worker would look a minute after it last looked.</summary>
    [Fact]
    public async Task An_idle_worker_is_woken()
    {
        for (var i = 0; i < 2; i++)
        {
            var sessionId = await EndOneAsync();
            var endedAt = TimeProvider.System.GetTimestamp();
            await Patience.UntilAsync(() => endpoint.Sessions.Contains(sessionId));
            await UntilNothingWaitsAsync();
            Assert.InRange(TimeProvider.System.GetElapsedTime(endedAt), TimeSpan.Zero, TimeSpan.FromSeconds(10)); // on a busy machine
        }
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        endpoint.Answer = context =>
        {
            context.Response.StatusCode = 307;
            context.Response.Headers.Location = other.Address.AbsoluteUri;
            return Task.CompletedTask;
        };
        var sessionId = await EndOneAsync();
        await UntilTriedAsync(1);

        Assert.Empty(other.Received);
        await GiveUpAsync(sessionId, "it answers 307");
    }

    [Theory]
    [InlineData("http://169.254.169.254/latest")] // the metadata of a cloud
    [InlineData("https://10.0.0.1/logout")]
    [InlineData("https://[::ffff:10.0.0.1]/logout")]
    public async Task An_inner_address_is_not_called(string address)
    {
        await mesh.Database.ExecuteAsync(
            "UPDATE applications SET backchannel_logout_uri = $2 WHERE id = $1", client.Id, address); // the registry refuses it
        var sessionId = await EndOneAsync();
        await UntilTriedAsync(1);

        await GiveUpAsync(sessionId, "Identity:BackchannelLogout:AllowedNetworks does not allow (169|10|::ffff:10)");
    }

    [Theory]
    [InlineData("https://app.example/logout", true)]
    [InlineData("http://app.example/logout", true)] // each delivery checks the address
    [InlineData("https://10.0.0.1/logout", false)]
    [InlineData("http://203.0.113.7/logout", false)]
    [InlineData("https://app.example/logout#now", false)]
    [InlineData("ftp://app.example/logout", false)]
    public async Task An_admin_registers_only_addresses_that_may_be_called(string address, bool isGood)
    {
        var body = new { backchannel_logout_uri = address };
        var changed = await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, body);

        if (isGood)
        {
            Assert.Equal(200, changed.Status);
        }
        else
        {
            changed.AssertError(400, "invalid_request", fields: "backchannel_logout_uri");
        }

        var spa = await mesh.Gateway.AddClientAsync(admin, "spa"); // it has no server
        (await mesh.Gateway.ChangeApplicationAsync(admin, spa.Id, body)).AssertError(
            400, "invalid_request", fields: "backchannel_logout_uri");
    }

    [Fact]
    public async Task An_application_that_takes_its_address_away_is_not_told()
    {
        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { backchannel_logout_uri = "" })).Status);
        await EndOneAsync();

        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM logout_deliveries WHERE client_id = $1", client.ClientId));
        Assert.Empty(endpoint.Received);
    }

    [Fact]
    public async Task Discovery_says_that_applications_are_told_of_single_sessions()
    {
        var metadata = (await mesh.Gateway.GetAsync("/.well-known/openid-configuration")).Json;

        Assert.True(metadata.GetProperty("backchannel_logout_supported").GetBoolean());
        Assert.True(metadata.GetProperty("backchannel_logout_session_supported").GetBoolean());
    }

    public async ValueTask DisposeAsync()
    {
        await mesh.Database.ExecuteAsync(
            "DELETE FROM logout_deliveries WHERE client_id IN ($1, $2)", client.ClientId, otherClient.ClientId);
        await endpoint.DisposeAsync();
        await other.DisposeAsync();
    }

    private static Guid Session(Answer tokens) => new JsonWebToken(tokens.Member("access_token")).SessionId();

    private static Func<HttpContext, Task> AnswerAsync(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    private Task<RegisteredClient> AddAsync(LogoutEndpoint at) =>
        mesh.Gateway.AddClientAsync(admin, settings: new { backchannel_logout_uri = at.Address.AbsoluteUri });

    private async Task EndAsync(string what, Visitor visitor, string username, Answer tokens)
    {
        var userId = new JsonWebToken(tokens.Member("access_token")).Subject;
        Task<Answer> AsUserAsync(HttpMethod method, string path, object? body, string token) =>
            mesh.Gateway.CallAsync(method, path, token, body);
        async Task<string> TokenAsync() => await mesh.Gateway.TokenAsync(username, PagesMesh.Password);
        var answer = what switch
        {
            "the user signs out at the mesh" => await visitor.PostAsync("/signout"),
            "the user signs out at an application" => await visitor.PostAsync(
                "/end-session", ("id_token_hint", tokens.Member("id_token")!)),
            "the user ends the other sessions" => await AsUserAsync(HttpMethod.Delete, "/account/sessions", null, await TokenAsync()),
            "the user signs in at the application again" => await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client)),
            "the user changes the password" => await mesh.Gateway.ChangePasswordAsync(
                await TokenAsync(), PagesMesh.Password, "another password for a test"),
            "the user deletes the account" => await mesh.Gateway.DeleteAccountAsync(await TokenAsync(), PagesMesh.Password),
            "the application revokes its token" => await mesh.Gateway.FormAsync(
                "/revoke", [("token", tokens.Member("refresh_token")!), .. client.Credentials]),
            "somebody replays a refresh token" => await ReplayAsync(tokens),
            "an admin signs the user out" => await AsUserAsync(HttpMethod.Delete, $"/users/{userId}/sessions", null, admin),
            "an admin disables the user" => await mesh.Gateway.SendAsync(
                HttpMethod.Patch, $"/users/{userId}", JsonContent.Create(new { disabled = true }),
                request => request.Headers.Authorization = new("Bearer", admin)),
            "an admin deletes the user" => await AsUserAsync(HttpMethod.Delete, $"/users/{userId}", null, admin),
            "an admin disables the application" => await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = true }),
            "an admin takes a scope from the application" => await mesh.Gateway.ChangeApplicationAsync(
                admin, client.Id, new { scopes = (string[])["openid"] }),
            "an admin deletes the application" => await AsUserAsync(HttpMethod.Delete, $"/applications/{client.Id}", null, admin),
            _ => throw new ArgumentException(what),
        };
        Assert.True(answer.Status is 200 or 303, answer.ToString());
    }

    private async Task<Answer> ReplayAsync(Answer tokens)
    {
        var refreshed = await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!);
        await mesh.Database.AgeStepAsync(Session(tokens), 31);
        Assert.Equal(400, (await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!)).Status);
        return refreshed;
    }

    /// <summary>Signs a new user in at the application and ends that session.</summary>
    private async Task<Guid> EndOneAsync()
    {
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var sessionId = Session(await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client)));
        await EndAsync(sessionId);
        return sessionId;
    }

    private async Task EndAsync(Guid sessionId) =>
        Assert.Equal(1, await mesh.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE id = $1", sessionId));

    private async Task AddDeliveriesAsync(int count)
    {
        await mesh.Database.ExecuteAsync(
            """
            INSERT INTO logout_deliveries (id, client_id, uri, session_id, user_id, created_at, next_attempt_at)
            SELECT gen_random_uuid(), client_id, backchannel_logout_uri, gen_random_uuid(), gen_random_uuid(), now(), now()
            FROM applications, generate_series(1, $2) WHERE id = $1
            """,
            client.Id, count);
        await WakeAsync();
    }

    private Task<int> WakeAsync() => mesh.Database.ExecuteAsync("SELECT pg_notify('authmesh_logouts', '')");

    /// <summary>Waits until the outcome of a failed try is stored: the next one is due before a lease would end.</summary>
    private Task UntilTriedAsync(int tries) => Patience.UntilAsync(() => mesh.Database.ScalarAsync<bool>(
        """
        SELECT count(*) = 1 FROM logout_deliveries
        WHERE client_id = $1 AND attempts = $2 AND next_attempt_at < now() + interval '21 seconds'
        """,
        client.ClientId, tries));

    private async Task TryNowAsync()
    {
        Assert.Equal(1, await mesh.Database.ExecuteAsync(
            "UPDATE logout_deliveries SET next_attempt_at = now() WHERE client_id = $1", client.ClientId));
        await WakeAsync();
    }

    private Task UntilNothingWaitsAsync() => Patience.UntilAsync(() => mesh.Database.ScalarAsync<bool>(
        "SELECT count(*) = 0 FROM logout_deliveries WHERE client_id IN ($1, $2)", client.ClientId, otherClient.ClientId));

    private async Task GiveUpAsync(Guid sessionId, string reason)
    {
        await mesh.Database.ExecuteAsync("UPDATE logout_deliveries SET attempts = 2 WHERE client_id = $1", client.ClientId);
        await TryNowAsync();
        await UntilNothingWaitsAsync();
        await mesh.Mesh.Identity.UntilLogMatchesAsync($"logout_undelivered.*{sessionId}.*{client.ClientId}: {reason}");
    }

    private int CountLogged(Guid sessionId) => Regex.Count(mesh.Mesh.Identity.Output, $"logout_undelivered.*{sessionId}");
}
