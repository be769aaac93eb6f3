using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Passkeys;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Streams;
using Npgsql;

namespace AuthMesh.Tests.OpenApi;

/// <summary>Documented answers that no other test asks for.</summary>
public sealed class SeldomAnswerTests(ProductionMesh mesh)
{
    [Fact]
    public async Task An_account_chooses_its_language()
    {
        var user = await mesh.Gateway.SignUpAsync();

        Assert.Equal(200, (await ChooseAsync(new { language = "en" })).Status);
        Assert.Equal(200, (await ChooseAsync(new { language = (string?)null })).Status);
        (await ChooseAsync(new { language = "no language" })).AssertError(400, "invalid_request", null, "language");

        Task<Answer> ChooseAsync(object body) => mesh.Gateway.CallAsync(HttpMethod.Patch, "/account", user.Token, body);
    }

    [Fact]
    public async Task Two_step_is_yes_or_no()
    {
        var user = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/two-step", user.Token, new { }))
            .AssertError(400, "invalid_request", null, "enabled");
    }

    [Fact]
    public async Task A_reset_keeps_the_last_second_factor()
    {
        var (user, _) = await mesh.Gateway.SignUpWithPasskeyAsync();
        Assert.Equal(
            200, (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/two-step", user.Token, new { enabled = true })).Status);
        await mesh.Database.ExecuteAsync("DELETE FROM recovery_codes WHERE user_id = $1", user.UserId);
        var listed = await mesh.Gateway.GetAsync("/account/passkeys", user.Token);
        var id = listed.Json.GetProperty("passkeys")[0].GetProperty("id").GetGuid();
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");

        var refused = await mesh.Gateway.PostAsync(
            "/password/reset", new { token = proof, new_password = EmailCalls.NewPassword, remove_passkeys = new[] { id } });

        refused.AssertError(409, "last_sign_in_method");
        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(proof)).Status);
    }

    [Fact]
    public async Task An_admin_changes_every_setting_of_an_application()
    {
        var admin = await mesh.AdminTokenAsync();
        var created = await mesh.Gateway.CallAsync(
            HttpMethod.Post, "/applications", admin,
            new
            {
                client_id = "web-" + ProductionMesh.NewName(),
                kind = "web",
                scopes = (string[])["openid", "profile"],
                redirect_uris = (string[])[RegisteredClient.Callback],
            });
        Assert.True(created.Status == 201, created.ToString());
        var id = created.Json.GetProperty("application").GetProperty("id").GetGuid();

        var changed = await mesh.Gateway.ChangeApplicationAsync(admin, id, new
        {
            name = "Another name",
            first_party = true,
            grants = (string[])["authorization_code"],
            scopes = (string[])["openid"],
            redirect_uris = (string[])["https://app.example/other"],
            post_logout_redirect_uris = (string[])[RegisteredClient.SignedOut],
            require_consent = false,
            require_pushed_requests = true,
        });

        Assert.True(changed.Status == 200, changed.ToString());
        var stored = changed.Json.GetProperty("application");
        Assert.Equal(
            ("Another name", "https://app.example/other"),
            (stored.GetProperty("name").GetString(), stored.GetProperty("redirect_uris")[0].GetString()));
    }

    [Fact]
    public async Task What_is_said_of_an_application_that_does_not_exist_or_keeps_no_secret()
    {
        var admin = await mesh.AdminTokenAsync();
        var nobody = $"/applications/{Guid.NewGuid()}";

        (await mesh.Gateway.ChangeApplicationAsync(admin, Guid.NewGuid(), new { disabled = true }))
            .AssertError(404, "application_not_found");
        (await mesh.Gateway.CallAsync(HttpMethod.Post, nobody + "/secrets", admin)).AssertError(404, "application_not_found");
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"{nobody}/secrets/{Guid.NewGuid()}", admin))
            .AssertError(404, "application_not_found");
        var client = await mesh.Gateway.AddClientAsync(admin, "spa");
        (await mesh.Gateway.CallAsync(HttpMethod.Post, $"/applications/{client.Id}/secrets", admin)).AssertError(409, "public_application");
    }

    [Fact]
    public async Task A_request_is_pushed_with_every_parameter_and_with_few()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client);
        var idToken = (await visitor.SignInAtAsync(mesh.Gateway, flow)).Member("id_token")!;

        Assert.Equal(201, (await PushAsync(
            ("response_mode", "query"), ("prompt", "login"), ("max_age", "60"), ("acr_values", "aal1"), ("login_hint", "carol"),
            ("id_token_hint", idToken), ("resource", "authmesh"))).Status);
        Assert.Equal(201, (await PushAsync(("scope", null), ("state", null), ("nonce", null))).Status);
        (await PushAsync(("response_type", "token"))).AssertProtocolError(400, "unsupported_response_type");
        (await PushAsync(("scope", "openid others"))).AssertProtocolError(400, "invalid_scope");
        (await PushAsync(("resource", "https://other.example"))).AssertProtocolError(400, "invalid_target");
        (await PushAsync(("request", "e30.e30."))).AssertProtocolError(400, "request_not_supported");
        (await PushAsync(("registration", "{}"))).AssertProtocolError(400, "registration_not_supported");

        Task<Answer> PushAsync(params (string, string?)[] changes) => mesh.Gateway.FormAsync(
            "/par", [.. flow.With(changes), ("client_secret", client.Secret!)]);
    }

    [Fact]
    public async Task Userinfo_tells_a_proved_address_and_answers_both_methods_alike()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync());
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var userId = await mesh.Database.ScalarAsync<Guid>("SELECT id FROM users WHERE username = $1", username);
        await mesh.Database.ProveAsync(userId, username + "@example.test");
        var access = (await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(client))).Member("access_token")!;

        var told = await mesh.Gateway.CallAsync(HttpMethod.Post, "/userinfo", access);

        Assert.Equal((username + "@example.test", "True"), (told.Member("email"), told.Member("email_verified")));
        (await mesh.Gateway.CallAsync(HttpMethod.Post, "/userinfo", "a.b.c"))
            .AssertErrorWith(["error", "error_description"], 401, "invalid_token");
        (await mesh.Gateway.CallAsync(HttpMethod.Post, "/userinfo", (await mesh.Gateway.SignUpAsync()).Token))
            .AssertErrorWith(["error", "error_description"], 403, "insufficient_scope");
        Assert.Equal("True", (await mesh.Gateway.FormAsync(
            "/introspect", [("token", access), ("token_type_hint", "access_token"), .. client.Credentials])).Member("active"));
    }

    [Theory]
    [InlineData("/events")]
    [InlineData("/live")]
    [InlineData("/admin")]
    public async Task Some_paths_are_for_users_without_limits(string path)
    {
        var application = await mesh.Gateway.AddApplicationAsync(await mesh.AdminTokenAsync(), "stock.read");
        (await mesh.Gateway.GetAsync(path, await mesh.Gateway.ServiceTokenAsync(application))).AssertError(403, "forbidden");

        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "account.read");
        (await mesh.Gateway.GetAsync(path, key.Key)).AssertError(403, "insufficient_scope");
    }

    [Fact]
    public async Task A_WebSocket_begins()
    {
        using var socket = await mesh.Gateway.OpenAsync(
            (await mesh.Gateway.SignUpAsync()).Token, change: options => options.CollectHttpResponseDetails = true);

        using var response = new HttpResponseMessage(socket.HttpStatusCode);
        foreach (var (name, values) in socket.HttpResponseHeaders!)
        {
            Assert.True(
                response.Headers.TryAddWithoutValidation(name, values) || response.Content.Headers.TryAddWithoutValidation(name, values));
        }

        Assert.Equal(HttpStatusCode.SwitchingProtocols, socket.HttpStatusCode);
        Contract.Check("GET", "/live", null, null, await Answer.ReadAsync(response));
        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("POST", "/account/password", """{"current_password":"a password for a test","new_password":"another password"}""")]
    [InlineData("DELETE", "/account", """{"current_password":"a password for a test"}""")]
    [InlineData("POST", "/account/reauthenticate", """{"password":"a password for a test"}""")]
    public async Task A_change_at_the_same_moment_is_told_apart_from_a_wrong_password(string method, string path, string body)
    {
        var user = await mesh.Gateway.SignUpAsync();
        await using var connection = new NpgsqlConnection(mesh.Database.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var change = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using var statement = new NpgsqlCommand(
            """
            WITH changed AS (UPDATE users SET password_hash = 'changed' WHERE id = $1)
            UPDATE sessions SET ended_at = now() WHERE user_id = $1
            """, connection, change);
        statement.Parameters.AddWithValue(user.UserId);
        await statement.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        var asked = mesh.Gateway.SendAsync(
            new HttpMethod(method), path, new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue("application/json")),
            request => request.Headers.Authorization = new("Bearer", user.Token));
        await Patience.UntilAsync(() => mesh.Database.ScalarAsync<bool>(
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE $1 = ANY(pg_blocking_pids(pid)))", connection.ProcessID));
        await change.CommitAsync(TestContext.Current.CancellationToken);

        (await asked).AssertError(409, "account_changed");
    }

    [Fact]
    public async Task A_full_queue_of_passwords_refuses_more()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:Hashing:WorkFactor"] = "12"; // each takes a quarter of a second, one after the other
        own.Settings["Identity:Hashing:Threads"] = "1";
        own.Settings["Identity:Hashing:QueueLength"] = "64";
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);

        var logins = Enumerable.Range(0, 120).Select(i => identity.LoginAsync($"nobody-{i}", "a wrong password")).ToList();
        Answer answer;
        do
        {
            var ended = await Task.WhenAny(logins);
            logins.Remove(ended);
            answer = await ended;
        }
        while (answer.Status == 401);

        answer.AssertError(503, "overloaded");
    }

    /// <summary>It waits for real time: the web server gives a body five seconds before it measures its pace.</summary>
    [Fact]
    public async Task A_body_that_stalls_is_a_timeout()
    {
        var text = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            $"POST /login HTTP/1.1\r\nHost: {mesh.Gateway.Address.Authority}\r\nContent-Type: application/json\r\n",
            "Content-Length: 100\r\n\r\n{");

        Assert.StartsWith("HTTP/1.1 408 ", text, StringComparison.Ordinal);
        using var response = new HttpResponseMessage(HttpStatusCode.RequestTimeout)
        {
            Content = new StringContent(text[text.IndexOf('{', StringComparison.Ordinal)..(text.LastIndexOf('}') + 1)]),
        };
        response.Content.Headers.ContentType = new("application/json");
        response.Headers.Add("Cache-Control", "no-store");
        var answer = await Answer.ReadAsync(response);
        answer.AssertError(408, "request_timeout");
        Contract.Check("POST", "/login", null, null, answer);
    }

    [Fact]
    public async Task A_mesh_without_mail_registers_no_address_and_one_with_a_thousand_applications_takes_no_more()
    {
        await using var own = await OwnDatabase.CreateAsync(mesh);
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        (await identity.PostAsync("/register", new
        {
            username = ProductionMesh.NewName(), password = PagesMesh.Password, email = EmailCalls.NewAddress(),
        })).AssertError(404, "mail_not_configured");

        var password = await File.ReadAllTextAsync(own.FileIn("generated-password"), TestContext.Current.CancellationToken);
        var admin = await identity.TokenAsync("admin", password.Trim());
        await identity.AddApplicationAsync(admin, "orders.read");
        var columns = await own.Database.ScalarAsync<string>(
            """
            SELECT string_agg(quote_ident(column_name), ',') FROM information_schema.columns
            WHERE table_name = 'applications' AND column_name NOT IN ('id', 'client_id') AND is_generated = 'NEVER'
            """);
        await own.Database.ExecuteAsync(
            $"""
            INSERT INTO applications (id, client_id, {columns})
            SELECT gen_random_uuid(), 'more-' || n, {columns} FROM applications, generate_series(2, 1000) n
            """);

        (await identity.CreateApplicationAsync(admin, "one-too-many", "orders.read")).AssertError(409, "too_many_applications");
    }
}
