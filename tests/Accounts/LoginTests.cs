using System.Text.Json;
using AuthMesh.Tests.Harness;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Accounts;

public sealed class LoginTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_login_returns_a_token_and_stores_the_session_that_it_names()
    {
        var (name, password, _) = await mesh.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/login", System.Net.Http.Json.JsonContent.Create(new { username = name, password }),
            request => request.Headers.UserAgent.ParseAdd("a-device/1.0"));

        Assert.Equal(200, answer.Status);
        Assert.Equal($"Welcome {name}!", answer.Message);
        Assert.Equal("Bearer", answer.Member("token_type"));
        Assert.Equal("1800", answer.Member("expires_in"));
        Assert.Equal("1209600", answer.Member("refresh_expires_in"));
        Assert.Equal(
            ["status", "message", "token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"],
            answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("no-store", answer.Header("Cache-Control"));

        var token = new JsonWebToken(answer.Token);
        Assert.Equal("at+jwt", token.Typ);
        Assert.Equal("ES256", token.Alg);
        Assert.Equal(
            [
                "acr", "amr", "aud", "auth_time", "client_id", "epoch", "exp", "iat", "iss", "jti", "preferred_username", "role", "sid",
                "sub",
            ],
            token.Claims.Select(claim => claim.Type).Order(StringComparer.Ordinal));
        Assert.Equal(ProductionMesh.Issuer, token.Issuer);
        Assert.Equal(["authmesh"], token.Audiences);
        Assert.Equal(name, token.GetClaim("preferred_username").Value);
        Assert.Equal("user", token.GetClaim("role").Value);
        Assert.Equal(TimeSpan.FromMinutes(30), token.ValidTo - token.IssuedAt);

        var device = await mesh.Database.ScalarAsync<string>(
            """
            SELECT s.device FROM sessions s JOIN users u ON u.id = s.user_id AND u.epoch = s.epoch
            WHERE s.id = $1 AND u.id = $2 AND s.ended_at IS NULL AND s.expires_at = s.created_at + interval '14 days'
            """,
            Guid.Parse(token.GetClaim("sid").Value), Guid.Parse(token.Subject));
        Assert.Equal("a-device/1.0", device);
    }

    [Theory]
    [InlineData("")]
    [InlineData("🦊 browser/1.0")]
    [InlineData("200 characters and the last is half an emoji")]
    [InlineData("a thousand")]
    public async Task Any_User_Agent_can_sign_in_and_is_stored_cut_to_200_characters(string userAgent)
    {
        var (name, password, _) = await mesh.SignUpAsync();
        userAgent = userAgent.StartsWith("200", StringComparison.Ordinal) ? new string('a', 199) + "🦊"
            : userAgent.StartsWith("a ", StringComparison.Ordinal) ? new string('a', 1000) : userAgent;
        var body = $$"""{"username":"{{name}}","password":"{{password}}"}""";

        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            $"POST /login HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {userAgent}\r\nContent-Type: application/json\r\nContent-Length: "
            + $"{body.Length}\r\nConnection: close\r\n\r\n{body}");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        var device = await mesh.Database.ScalarAsync<string>(
            "SELECT device FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.normalized_username = $1 ORDER BY s.id DESC LIMIT 1",
            name);
        Assert.StartsWith(device, userAgent, StringComparison.Ordinal);
        Assert.InRange(device.Length, Math.Min(userAgent.Length, 199), 200);
    }

    [Fact]
    public async Task Terminal_control_characters_are_removed_from_a_devices_name()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var body = $$"""{"username":"{{name}}","password":"{{password}}"}""";

        var answer = await RawHttp.SendAsync(
            mesh.Gateway.Address,
            "POST /login HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\u001b[31mb\u007f\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {body.Length}\r\nConnection: close\r\n\r\n{body}");

        Assert.StartsWith("HTTP/1.1 200 ", answer, StringComparison.Ordinal);
        Assert.Equal("a[31mb", await mesh.Database.ScalarAsync<string>(
            "SELECT device FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.normalized_username = $1 ORDER BY s.id DESC LIMIT 1",
            name));
    }

    [Fact]
    public async Task Every_login_starts_its_own_session()
    {
        var (name, password, first) = await mesh.SignUpAsync();

        var second = await mesh.Gateway.TokenAsync(name, password);

        Assert.NotEqual(new JsonWebToken(first).GetClaim("sid").Value, new JsonWebToken(second).GetClaim("sid").Value);
        Assert.NotEqual(new JsonWebToken(first).GetClaim("jti").Value, new JsonWebToken(second).GetClaim("jti").Value);
        Assert.Equal(new JsonWebToken(first).Subject, new JsonWebToken(second).Subject);
    }

    [Fact]
    public async Task Login_with_an_unknown_user_looks_like_a_wrong_password()
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var (disabled, disabledPassword, _) = await mesh.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE normalized_username = $1", disabled);
        var sessionsBefore = await CountSessionsAsync(name, disabled);

        Answer[] answers =
        [
            await mesh.Gateway.LoginAsync(name, "not " + password),
            await mesh.Gateway.LoginAsync(ProductionMesh.NewName(), password),
            await mesh.Gateway.LoginAsync(disabled, disabledPassword),
            await mesh.Gateway.LoginAsync("", ""),
            await mesh.Gateway.LoginAsync(name, new string('x', 300)),
            await mesh.Gateway.LoginAsync(new string('x', 300), password),
            await mesh.Gateway.PostRawAsync("/login", $$"""{"username":"{{name}}","password":"\u0000"}"""),
            await mesh.Gateway.PostRawAsync("/login", $$"""{"username":"\ud800","password":"{{password}}"}"""),
            await mesh.Gateway.PostRawAsync("/login", $$"""{"username":"{{name}}\u0000","password":"{{password}}"}"""),
        ];

        Assert.All(answers, answer => answer.AssertError(401, "invalid_credentials", "Invalid credentials"));
        Assert.Single(answers.Select(answer => answer.Text.Replace(answer.Member("traceId")!, "", StringComparison.Ordinal)).Distinct());
        Assert.Single(answers.Select(answer => string.Join('\n', answer.Headers.Where(header => header.Key != "Date")
            .Concat(answer.ContentHeaders).Select(header => $"{header.Key}: {string.Join(", ", header.Value)}")
            .Order(StringComparer.Ordinal))).Distinct());
        Assert.Equal(sessionsBefore, await CountSessionsAsync(name, disabled));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, password)).Status);
    }

    [Fact]
    public async Task A_lone_surrogate_does_not_match_the_replacement_character()
    {
        var name = ProductionMesh.NewName();
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, "password\ufffd")).Status);

        var answer = await mesh.Gateway.PostRawAsync("/login", $$"""{"username":"{{name}}","password":"password\ud800"}""");

        Assert.Equal(401, answer.Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, "password\ufffd")).Status);
    }

    [Theory]
    [InlineData("""{}""", "username", "password")]
    [InlineData("""{"username":"abc"}""", "password")]
    [InlineData("""{"password":"12345678"}""", "username")]
    [InlineData("""{"username":null,"password":null}""", "username", "password")]
    public async Task A_login_without_a_name_or_password_names_the_missing_field(string body, params string[] fields)
    {
        var answer = await mesh.Gateway.PostRawAsync("/login", body);

        answer.AssertError(400, "invalid_request", "Username and password are required", fields);
    }

    [Fact]
    public async Task An_imported_bcrypt_hash_verifies_and_is_upgraded()
    {
        var (name, _, _) = await mesh.SignUpAsync();
        var imported = BCrypt.Net.BCrypt.HashPassword("imported password", 5);
        await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = $1 WHERE normalized_username = $2", imported, name);

        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, "another password")).Status);
        Assert.Equal(imported, await StoredHashAsync(name));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, "imported password")).Status);

        Assert.StartsWith("hmac-sha384+bcrypt:", await StoredHashAsync(name), StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, "imported password")).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, "another password")).Status);
    }

    [Theory]
    [InlineData("")]
    [InlineData("$2a$06$")]
    [InlineData("plain text")]
    [InlineData("hmac-sha384+bcrypt:nosuchpepper:$2a$06$......................###############################")]
    [InlineData("$2a$06$!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")]
    [InlineData("$2a$99$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuabcdefghijk")]
    public async Task An_unusable_stored_hash_is_a_failed_login(string stored)
    {
        var (name, password, _) = await mesh.SignUpAsync();
        var good = await StoredHashAsync(name);
        await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = $1 WHERE normalized_username = $2", stored, name);

        (await mesh.Gateway.LoginAsync(name, password)).AssertError(401, "invalid_credentials");

        await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = $1 WHERE normalized_username = $2", good, name);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, password)).Status);
    }

    [Fact]
    public async Task The_first_admin_signs_in_with_the_password_of_the_file()
    {
        var token = await mesh.AdminTokenAsync();

        Assert.Equal("admin", new JsonWebToken(token).GetClaim("role").Value);
    }

    private Task<long> CountSessionsAsync(params string[] names) => mesh.Database.ScalarAsync<long>(
        "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id WHERE u.normalized_username = ANY($1)", (object)names);

    private Task<string> StoredHashAsync(string name) =>
        mesh.Database.ScalarAsync<string>("SELECT password_hash FROM users WHERE normalized_username = $1", name);
}
