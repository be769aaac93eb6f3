using System.Globalization;
using System.Text;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Applications;

/// <summary>The token endpoint (RFC 6749 §4.4), and what the tokens of applications open: nothing that does not name them.</summary>
public sealed class TokenTests(ProductionMesh mesh)
{
    [Fact]
    public async Task An_application_gets_a_short_token_in_its_own_name()
    {
        var made = await mesh.Gateway.AddApplicationAsync(await mesh.AdminTokenAsync(), "orders.read", "orders.write");

        var answer = await mesh.Gateway.TokenAsync(made);

        Assert.Equal(200, answer.Status);
        Assert.Equal(["access_token", "token_type", "expires_in", "scope"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            ("Bearer", "600", "orders.read orders.write"),
            (answer.Member("token_type"), answer.Member("expires_in"), answer.Member("scope")));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        var claims = TokenText.Payload(answer.Member("access_token")!);
        Assert.Equal(
            ["aud", "client_id", "epoch", "exp", "iat", "iss", "jti", "scope", "sid", "sub"],
            claims.Select(claim => claim.Key).Order(StringComparer.Ordinal));
        Assert.Equal((made.Id.ToString(), made.ClientId), (claims["sub"]!.ToString(), claims["client_id"]!.ToString()));
        Assert.Equal("orders.write", (await mesh.Gateway.TokenAsync(made, "orders.write")).Member("scope"));
    }

    [Fact]
    public async Task One_session_serves_all_tokens_of_an_application_and_is_written_once_a_minute()
    {
        var made = await mesh.Gateway.AddApplicationAsync(await mesh.AdminTokenAsync(), "orders.read");

        var tokens = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => mesh.Gateway.ServiceTokenAsync(made)));

        Assert.Single(tokens.Select(token => new JsonWebToken(token).GetClaim("sid").Value).Distinct());
        await mesh.Database.ExecuteAsync(
            """
            UPDATE sessions SET last_used_at = now() - interval '2 minutes', expires_at = now() + interval '2 hours'
            WHERE application_id = $1
            """,
            made.Id);
        await mesh.Gateway.ServiceTokenAsync(made);
        Assert.True(await mesh.Database.ScalarAsync<bool>(
            """
            SELECT last_used_at > now() - interval '1 minute' AND expires_at > now() + interval '23 hours' FROM sessions
            WHERE application_id = $1
            """,
            made.Id));

        await mesh.Database.ExecuteAsync("UPDATE sessions SET expires_at = now() WHERE application_id = $1", made.Id);
        var later = new JsonWebToken(await mesh.Gateway.ServiceTokenAsync(made));
        Assert.NotEqual(new JsonWebToken(tokens[0]).GetClaim("sid").Value, later.GetClaim("sid").Value);
    }

    public static TheoryData<string, string, int, string> OddRequests()
    {
        const string Grant = "grant_type=client_credentials", Id = "client_id=CLIENT", Secret = "client_secret=SECRET";
        return new()
        {
            { $"{Grant}&{Id}&{Secret}", "", 200, "" },
            { $"{Grant}&{Id}&{Secret}&scope=", "", 200, "" }, // empty is absent
            { $"{Grant}&{Id}&{Secret}&audience=x&unknown=y", "", 200, "" }, // unknown parameters are ignored (RFC 6749 §3.2)
            { Grant, "CLIENT:SECRET", 200, "" },
            { $"{Grant}&{Id}", "CLIENT:SECRET", 200, "" },
            { $"{Id}&{Secret}", "", 400, "invalid_request" },
            { $"grant_type=&{Id}&{Secret}", "", 400, "invalid_request" },
            { $"{Grant}&{Grant}&{Id}&{Secret}", "", 400, "invalid_request" },
            { $"{Grant}&{Id}&{Id}&{Secret}", "", 400, "invalid_request" },
            { $"{Grant}&{Id}&{Secret}&scope=a&scope=b", "", 400, "invalid_request" },
            { $"{Grant}&{Id}&{Secret}&x=%zz", "", 400, "invalid_request" },
            { $"{Grant}&{Id}&{Secret}&x=%00", "", 400, "invalid_request" },
            { "", "", 400, "invalid_request" },
            { "{\"grant_type\":\"client_credentials\"}", "", 400, "invalid_request" },
            { $"grant_type=password&{Id}&{Secret}&username=a&password=b", "", 400, "unsupported_grant_type" },
            { $"grant_type=CLIENT_CREDENTIALS&{Id}&{Secret}", "", 400, "unsupported_grant_type" },
            { $"{Grant}&{Id}&{Secret}&scope=orders.delete", "", 400, "invalid_scope" },
            { $"{Grant}&{Id}&{Secret}&scope=mesh", "", 400, "invalid_scope" },
            { $"{Grant}&{Id}&{Secret}&scope=orders.read+orders.read", "", 400, "invalid_scope" },
            { $"{Grant}&{Id}&{Secret}&scope=+orders.read", "", 400, "invalid_scope" },
            { Grant, "", 401, "invalid_client" },
            { $"{Grant}&{Id}", "", 401, "invalid_client" },
            { $"{Grant}&{Secret}", "", 401, "invalid_client" },
            { $"{Grant}&{Id}&client_secret=wrong", "", 401, "invalid_client" },
            { $"{Grant}&client_id=nobody&{Secret}", "", 401, "invalid_client" },
            { Grant, "CLIENT:wrong", 401, "invalid_client" },
            { Grant, ":SECRET", 401, "invalid_client" },
            { Grant, "CLIENT", 401, "invalid_client" },
            { Grant, "CLIENT%00:SECRET", 401, "invalid_client" },
            { Grant, "CLIENT:SECRET\0", 401, "invalid_client" },
            { Grant, "CLIENT:SECRET:", 401, "invalid_client" },
            { Grant, "CLIENT:%zz", 401, "invalid_client" },
            { Grant, "CLIENT:" + new string('a', 3_000), 401, "invalid_client" },
            { Grant, "%43LIENT:SECRET", 401, "invalid_client" }, // case matters
            { $"{Grant}&{Id}&client_secret=%00", "", 400, "invalid_request" },
            { $"{Grant}&client_id=another", "CLIENT:SECRET", 401, "invalid_client" },
            { $"{Grant}&{Secret}", "CLIENT:SECRET", 400, "invalid_request" },
        };
    }

    [Theory]
    [MemberData(nameof(OddRequests))]
    public async Task A_request_is_answered_in_the_shape_of_the_protocol(string form, string basic, int status, string error)
    {
        var made = await mesh.Gateway.AddApplicationAsync(await mesh.AdminTokenAsync(), "orders.read");
        string Fill(string text) => text.Replace("CLIENT", made.ClientId, StringComparison.Ordinal)
            .Replace("SECRET", made.Secret, StringComparison.Ordinal)
            .Replace(made.ClientId + "_CREDENTIALS", "CLIENT_CREDENTIALS", StringComparison.Ordinal);

        var answer = basic.Length > 0
            ? await mesh.Gateway.BasicTokenAsync(Fill(basic), Fill(form))
            : await mesh.Gateway.SendAsync(
                HttpMethod.Post, "/token", new StringContent(Fill(form), Encoding.UTF8, "application/x-www-form-urlencoded"));

        Assert.True(status == answer.Status, $"{answer}");
        if (error.Length > 0)
        {
            answer.AssertProtocolError(status, error);
            Assert.Equal(status == 401 ? "Basic realm=\"authmesh\", charset=\"UTF-8\"" : null, answer.Header("WWW-Authenticate"));
            Assert.Equal("no-store", answer.Header("Cache-Control"));
        }
    }

    [Theory]
    [InlineData("application/json", "{}")]
    [InlineData("text/plain", "grant_type=client_credentials")]
    [InlineData("multipart/form-data; boundary=x", "--x--")]
    public async Task A_body_that_is_no_form_is_refused(string type, string body)
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/token", new StringContent(body, System.Net.Http.Headers.MediaTypeHeaderValue.Parse(type)));

        answer.AssertProtocolError(400, "invalid_request");
    }

    /// <summary>Every endpoint of the identity service refuses an application, whatever its scopes are called.</summary>
    [Fact]
    public async Task An_application_opens_no_endpoint_of_the_mesh()
    {
        var made = await mesh.Gateway.AddApplicationAsync(await mesh.AdminTokenAsync(), "account.read", "users.read", "orders.read");
        var token = await mesh.Gateway.ServiceTokenAsync(made);

        foreach (var path in (string[])
            ["/account", "/account/keys", "/account/sessions", "/users", "/applications", "/protected", "/admin"])
        {
            (await mesh.Gateway.GetAsync(path, token)).AssertError(403, "forbidden", "Only users may do this");
        }

        foreach (var path in (string[])["/account", "/account/keys", "/users", "/applications"])
        {
            (await mesh.Identity.GetAsync(path, token)).AssertError(403, "forbidden", "Only users may do this");
        }

        Assert.Equal(303, (await mesh.Gateway.GetAsync("/me", token)).Status); // nobody on a page
        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(token)).Status);
        Assert.False(await mesh.Database.IsRevokedAsync(new(token))); // which ends no session of an application
        (await mesh.Gateway.GetAsync("/protected", token)).AssertError(403, "forbidden", "Only users may do this");
    }

    [Fact]
    public async Task Discovery_names_the_endpoint_in_both_places()
    {
        foreach (var path in (string[])["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"])
        {
            var answer = await mesh.Gateway.GetAsync(path);
            Assert.Equal(ProductionMesh.Issuer + "/token", answer.Member("token_endpoint"));
            Assert.Contains("\"client_credentials\"", answer.Member("grant_types_supported"), StringComparison.Ordinal);
            Assert.Contains(
                "\"client_secret_basic\",\"client_secret_post\",\"private_key_jwt\"",
                answer.Member("token_endpoint_auth_methods_supported"), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_session_in_its_last_hour_gives_way_to_another_so_that_no_token_ends_early()
    {
        var made = await mesh.Gateway.AddApplicationAsync(await mesh.AdminTokenAsync(), "orders.read");
        var first = new JsonWebToken(await mesh.Gateway.ServiceTokenAsync(made));
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET expires_at = now() + interval '59 minutes' WHERE application_id = $1", made.Id);

        var answer = await mesh.Gateway.TokenAsync(made);

        Assert.Equal("600", answer.Member("expires_in"));
        Assert.NotEqual(first.SessionId(), new JsonWebToken(answer.Member("access_token")!).SessionId());
    }

    [Theory]
    [InlineData("text/html")]
    [InlineData("application/problem+json")]
    public async Task An_error_is_JSON_whatever_the_client_prefers(string accept)
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/token", new StringContent("", Encoding.UTF8, "application/x-www-form-urlencoded"),
            request => request.Headers.Add("Accept", accept));

        answer.AssertProtocolError(400, "invalid_request");
    }

    [Fact]
    public async Task The_gateways_own_errors_have_the_shape_of_the_protocol_too()
    {
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/token", new StringContent(new string('a', 20_000), Encoding.UTF8, "application/x-www-form-urlencoded"));

        answer.AssertErrorWith(["error", "error_description"], 413, "body_too_large");
        Assert.Equal("invalid_request", answer.Member("error"));
    }
}
