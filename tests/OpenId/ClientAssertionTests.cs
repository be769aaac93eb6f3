using System.Text;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.OpenId;

/// <summary>Applications authenticate by JWTs that they sign (RFC 7523, <c>private_key_jwt</c>).</summary>
public sealed class ClientAssertionTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("ES256")]
    [InlineData("RS256")]
    [InlineData("PS256")]
    public async Task A_service_gets_a_token_by_an_assertion_of_each_algorithm(string algorithm)
    {
        using var key = AssertionKey.Of(algorithm);
        var (_, clientId) = await AddServiceAsync(key);

        var answer = await GrantAsync(key.Sign(clientId));

        Assert.True(answer.Status == 200, answer.ToString());
        Assert.Equal("orders.read", answer.Member("scope"));
        // A second token of the same session, by another assertion.
        Assert.Equal(200, (await GrantAsync(key.Sign(clientId), ("client_id", clientId))).Status);
    }

    [Fact]
    public async Task An_assertion_authenticates_at_every_endpoint_and_is_never_stored()
    {
        using var key = AssertionKey.Ec();
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), settings: new { jwks = key.Jwks });
        Assert.Null(client.Secret); // nobody asked for one
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var flow = new CodeFlow(client);

        var pushed = await mesh.Gateway.FormAsync("/par", [.. flow.Parameters, .. Assertion()]);
        Assert.True(pushed.Status == 201, pushed.ToString());
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM authorization_requests WHERE parameters LIKE '%assertion%' OR parameters LIKE '%jwt-bearer%'"));
        var leadsTo = $"/authorize?client_id={client.ClientId}&request_uri={Uri.EscapeDataString(pushed.Member("request_uri")!)}";
        var code = (await visitor.GetAsync(leadsTo)).LedBackTo(client.RedirectUri)["code"];
        var tokens = await mesh.Gateway.TokenAsync([.. flow.Redemption(code), .. Assertion()]);
        Assert.True(tokens.Status == 200, tokens.ToString());
        var refreshed = await mesh.Gateway.RefreshAtAsync(client, tokens.Member("refresh_token")!, Assertion());
        Assert.True(refreshed.Status == 200, refreshed.ToString());
        var introspected = await mesh.Gateway.FormAsync("/introspect", [("token", refreshed.Member("access_token")!), .. Assertion()]);
        Assert.Equal("True", introspected.Member("active"));
        var ofDevice = await mesh.Gateway.AddDeviceClientAsync(
            await mesh.AdminTokenAsync(), new { grants = (string[])[DeviceCalls.Grant], jwks = key.Jwks, kind = "web" });
        var device = await mesh.Gateway.FormAsync("/device_authorization", AssertionKey.Form(key.Sign(ofDevice.ClientId)));
        Assert.True(device.Status == 200, device.ToString());
        Assert.Equal(200, (await mesh.Gateway.FormAsync("/revoke", [("token", refreshed.Member("access_token")!), .. Assertion()])).Status);
        Assert.True(await mesh.Database.IsRevokedAsync(new(refreshed.Member("access_token")!)));

        // Without one, the name alone opens none of them.
        foreach (var path in (string[])["/par", "/token", "/introspect", "/revoke"])
        {
            (await mesh.Gateway.FormAsync(path, [("grant_type", "refresh_token"), ("token", "x"), ("client_id", client.ClientId)]))
                .AssertProtocolError(401, "invalid_client");
        }

        (string, string)[] Assertion() => AssertionKey.Form(key.Sign(client.ClientId));
    }

    /// <summary>What is wrong with an assertion, and how a good one becomes so.</summary>
    private static readonly Dictionary<string, Func<AssertionKey, Dictionary<string, object?>, string>> Wrong = new()
    {
        ["another issuer"] = Claim("iss", "somebody"),
        ["no issuer"] = Claim("iss", null),
        ["another subject"] = Claim("sub", "somebody"),
        ["no subject"] = Claim("sub", null),
        ["a subject that is no text"] = Claim("sub", 7),
        ["a subject with U+0000"] = Claim("sub", "a\0"),
        ["no audience"] = Claim("aud", null),
        ["another audience"] = Claim("aud", "https://other.example"),
        ["the token endpoint as audience"] = Claim("aud", ProductionMesh.Issuer + "/token"),
        ["the issuer with a slash as audience"] = Claim("aud", ProductionMesh.Issuer + "/"),
        ["a list with the issuer as audience"] = Claim("aud", new[] { ProductionMesh.Issuer }),
        ["two audiences"] = Claim("aud", new[] { ProductionMesh.Issuer, "https://other.example" }),
        ["no expiry"] = Claim("exp", null),
        ["an expiry that is text"] = Claim("exp", "4102444800"),
        ["an expiry beyond every number"] = (key, claims) => key.Sign(Header(), Text(claims).Replace(
            $"\"exp\":{claims["exp"]}", "\"exp\":1e999", StringComparison.Ordinal)),
        ["expired"] = At("exp", -40),
        ["valid for six minutes"] = At("exp", 360),
        ["issued in a minute"] = At("iat", 60),
        ["a time of issue that is text"] = Claim("iat", "now"),
        ["valid from the next minute on"] = At("nbf", 60),
        ["no jti"] = Claim("jti", null),
        ["an empty jti"] = Claim("jti", ""),
        ["a jti that is no text"] = Claim("jti", 7),
        ["no kid"] = (key, claims) => key.Sign(claims, ("kid", null)),
        ["another kid"] = (key, claims) => key.Sign(claims, ("kid", "key-2")),
        ["no algorithm"] = (key, claims) => key.Sign(claims, ("alg", null)),
        ["the algorithm none"] = (key, claims) => key.Sign(claims, ("alg", "none")),
        ["the algorithm none, unsigned"] = (key, claims) => string.Join('.', key.Sign(claims, ("alg", "none")).Split('.')[..2]) + ".",
        ["the algorithm HS256"] = (key, claims) => key.Sign(claims, ("alg", "HS256")),
        ["the algorithm of another type of key"] = (key, claims) => key.Sign(claims, ("alg", "RS256")),
        ["a critical extension"] = (key, claims) => key.Sign(claims, ("crit", new[] { "b64" }), ("b64", false)),
        ["the type of an access token"] = (key, claims) => key.Sign(claims, ("typ", "at+jwt")),
        ["a type that is no text"] = (key, claims) => key.Sign(claims, ("typ", 7)),
        ["another signature"] = (_, claims) => Elsewhere(claims),
        ["a signature with a changed claim"] = (key, claims) =>
        {
            var parts = key.Sign(claims).Split('.');
            claims["jti"] = "another";
            return $"{parts[0]}.{AssertionKey.Encode(Encoding.UTF8.GetBytes(Text(claims)))}.{parts[2]}";
        },
        ["an issuer twice"] = (key, claims) => key.Sign(
            Header(), Text(claims).Replace("{", "{\"iss\":\"somebody\",", StringComparison.Ordinal)),
        ["a kid twice"] = (key, claims) => key.Sign(Header().Replace("{", "{\"kid\":\"key-2\",", StringComparison.Ordinal), Text(claims)),
        ["two parts"] = (key, claims) => string.Join('.', key.Sign(claims).Split('.')[..2]),
        ["five parts"] = (key, claims) => key.Sign(claims) + ".a.b",
        ["padding"] = (key, claims) => key.Sign(claims).Replace(".", "=.", StringComparison.Ordinal),
        ["white space"] = (key, claims) => key.Sign(claims).Replace(".", " .", StringComparison.Ordinal),
        ["claims that are a list"] = (key, _) => key.Sign(Header(), "[]"),
        ["claims that are no JSON"] = (key, _) => key.Sign(Header(), "{"),
        ["nothing but dots"] = (_, _) => "..",
        ["a text"] = (_, _) => "text",
    };

    public static TheoryData<string> WrongAssertions => [.. Wrong.Keys];

    [Theory]
    [MemberData(nameof(WrongAssertions))]
    public async Task A_wrong_assertion_is_refused_and_its_repaired_twin_is_not(string what)
    {
        using var key = AssertionKey.Ec();
        var (_, clientId) = await AddServiceAsync(key);
        var claims = AssertionKey.ClaimsOf(clientId);
        var good = new Dictionary<string, object?>(claims);

        (await GrantAsync(Wrong[what](key, claims))).AssertProtocolError(401, "invalid_client");

        var answer = await GrantAsync(key.Sign(good)); // with the same jti: the wrong one has not used it up
        Assert.True(answer.Status == 200, answer.ToString());
    }

    public static TheoryData<string> Tolerated =>
    [
        "no iat", "a clock behind", "a clock ahead", "an expiry with a fraction", "no typ", "the type of an assertion", "more members",
        "a long jti",
    ];

    [Theory]
    [MemberData(nameof(Tolerated))]
    public async Task What_libraries_write_and_clocks_differ_is_accepted(string what)
    {
        using var key = AssertionKey.Ec();
        var (_, clientId) = await AddServiceAsync(key);
        var claims = AssertionKey.ClaimsOf(clientId);
        var assertion = what switch
        {
            "no iat" => Claim("iat", null)(key, claims),
            "a clock behind" => At("exp", -20)(key, claims),
            "a clock ahead" => key.Sign(
                new Dictionary<string, object?>(claims) { ["iat"] = AssertionKey.Now + 20, ["exp"] = AssertionKey.Now + 310 }),
            "an expiry with a fraction" => At("exp", 60.5)(key, claims),
            "no typ" => key.Sign(claims, ("typ", null)),
            "the type of an assertion" => key.Sign(claims, ("typ", "client-authentication+jwt")),
            "more members" => key.Sign(
                new Dictionary<string, object?>(claims) { ["custom"] = new { a = 1 } }, ("x5t", "abc"), ("jku", "https://away.example")),
            _ => Claim("jti", new string('x', 1000))(key, claims),
        };

        var answer = await GrantAsync(assertion);

        Assert.True(answer.Status == 200, answer.ToString());
    }

    [Fact]
    public async Task An_assertion_counts_once_for_each_application_and_at_any_endpoint()
    {
        using var key = AssertionKey.Ec();
        var (_, one) = await AddServiceAsync(key);
        var (_, other) = await AddServiceAsync(key);
        var claims = AssertionKey.ClaimsOf(one);
        var assertion = key.Sign(claims);

        Assert.Equal(200, (await GrantAsync(assertion)).Status);
        (await GrantAsync(assertion)).AssertProtocolError(401, "invalid_client");
        (await mesh.Gateway.FormAsync("/introspect", [("token", "x"), .. AssertionKey.Form(assertion)]))
            .AssertProtocolError(401, "invalid_client");
        claims["iat"] = AssertionKey.Now; // signed anew, with the same jti
        (await GrantAsync(key.Sign(claims))).AssertProtocolError(401, "invalid_client");

        (claims["iss"], claims["sub"]) = (other, other); // the jti is the application's own
        Assert.Equal(200, (await GrantAsync(key.Sign(claims))).Status);
    }

    [Fact]
    public async Task A_request_authenticates_in_one_way()
    {
        using var key = AssertionKey.Ec();
        var (id, clientId) = await AddServiceAsync(key);
        var added = await mesh.Gateway.CallAsync(HttpMethod.Post, $"/applications/{id}/secrets", await mesh.AdminTokenAsync());
        var secret = added.Member("client_secret")!;
        var (type, assertion) = (AssertionKey.Form("x")[0], ("client_assertion", key.Sign(clientId)));

        (string, string)[][] confused =
        [
            [type, assertion, ("client_secret", secret)],
            [assertion],
            [type],
            [type, ("client_id", clientId), ("client_secret", secret)],
            [("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), assertion],
            [type, assertion, assertion],
            [type, ("client_assertion", new string('x', 8193))],
        ];
        foreach (var form in confused)
        {
            (await mesh.Gateway.TokenAsync([("grant_type", "client_credentials"), .. form])).AssertProtocolError(400, "invalid_request");
        }

        var both = new FormUrlEncodedContent(AssertionKey.Form(assertion.Item2).Append(("grant_type", "client_credentials"))
            .Select(field => KeyValuePair.Create(field.Item1, field.Item2)));
        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/token", both, request => request.Headers.Authorization = new(
                "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{clientId}:{secret}"))));
        answer.AssertProtocolError(400, "invalid_request");
        (await GrantAsync(assertion.Item2, ("client_id", "another"))).AssertProtocolError(401, "invalid_client");

        // Each way by itself works, also beside the name.
        Assert.Equal(200, (await GrantAsync(assertion.Item2, ("client_id", clientId))).Status);
        Assert.Equal(200, (await mesh.Gateway.TokenAsync(new MadeApplication(id, clientId, secret, Guid.Empty))).Status);
    }

    [Fact]
    public async Task A_key_of_another_application_or_one_that_was_removed_opens_nothing()
    {
        using var key = AssertionKey.Ec();
        using var next = AssertionKey.Rsa(id: "key-2");
        using var stranger = AssertionKey.Ec(); // with the same kid
        var admin = await mesh.AdminTokenAsync();
        var (id, clientId) = await AddServiceAsync(key);
        await AddServiceAsync(stranger);
        (await GrantAsync(stranger.Sign(clientId))).AssertProtocolError(401, "invalid_client");

        // Rolling: both work, then the new one alone.
        await ChangeAsync(new { jwks = new { keys = new[] { key.Jwk, next.Jwk } } });
        Assert.Equal(200, (await GrantAsync(key.Sign(clientId))).Status);
        var token = await GrantAsync(next.Sign(clientId));
        Assert.Equal(200, token.Status);
        await ChangeAsync(new { jwks = next.Jwks });
        (await GrantAsync(key.Sign(clientId))).AssertProtocolError(401, "invalid_client");
        Assert.False(await mesh.Database.IsRevokedAsync(new(token.Member("access_token")!))); // retired, not leaked

        await ChangeAsync(new { disabled = true });
        (await GrantAsync(next.Sign(clientId))).AssertProtocolError(401, "invalid_client");
        await ChangeAsync(new { disabled = false });
        Assert.Equal(200, (await GrantAsync(next.Sign(clientId))).Status);
        var cleared = await ChangeAsync(new { jwks = new { keys = Array.Empty<object>() } });
        Assert.Equal("", cleared.Json.GetProperty("application").GetProperty("jwks").ToString());
        (await GrantAsync(next.Sign(clientId))).AssertProtocolError(401, "invalid_client");

        async Task<Answer> ChangeAsync(object change)
        {
            var answer = await mesh.Gateway.ChangeApplicationAsync(admin, id, change);
            Assert.True(answer.Status == 200, answer.ToString());
            return answer;
        }
    }

    [Fact]
    public async Task A_browser_must_not_carry_an_assertion()
    {
        using var key = AssertionKey.Ec();
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), settings: new { jwks = key.Jwks });
        var (visitor, _) = await mesh.VisitSignedInAsync();

        var back = (await visitor.GetAsync(new CodeFlow(client).Path(("client_assertion", key.Sign(client.ClientId)))))
            .LedBackTo(client.RedirectUri);

        Assert.Equal("invalid_request", back["error"]);
    }

    [Fact]
    public async Task Discovery_names_the_method_and_its_algorithms()
    {
        var metadata = await mesh.Gateway.GetAsync("/.well-known/openid-configuration");

        foreach (var endpoint in (string[])["token", "revocation", "introspection"])
        {
            Assert.Contains(
                "\"private_key_jwt\"", metadata.Member($"{endpoint}_endpoint_auth_methods_supported"), StringComparison.Ordinal);
            Assert.Equal(
                """["ES256","RS256","PS256"]""", metadata.Member($"{endpoint}_endpoint_auth_signing_alg_values_supported"));
        }
    }

    private static Func<AssertionKey, Dictionary<string, object?>, string> Claim(string name, object? value) => (key, claims) =>
    {
        claims[name] = value;
        return key.Sign(claims.Where(claim => claim.Value is not null).ToDictionary());
    };

    private static Func<AssertionKey, Dictionary<string, object?>, string> At(string name, double seconds) =>
        (key, claims) => Claim(name, AssertionKey.Now + seconds)(key, claims);

    private static string Header() => """{"alg":"ES256","kid":"key-1","typ":"JWT"}""";

    private static string Text(Dictionary<string, object?> claims) => System.Text.Json.JsonSerializer.Serialize(claims);

    private static string Elsewhere(Dictionary<string, object?> claims)
    {
        using var other = AssertionKey.Ec();
        return other.Sign(claims);
    }

    private Task<Answer> GrantAsync(string assertion, params (string, string)[] more) => mesh.Gateway.TokenAsync(
        [("grant_type", "client_credentials"), .. AssertionKey.Form(assertion), .. more]);

    private async Task<(Guid Id, string ClientId)> AddServiceAsync(AssertionKey key)
    {
        var clientId = "app-" + Guid.NewGuid().ToString("N")[..12];
        var answer = await mesh.Gateway.CallAsync(
            HttpMethod.Post, "/applications", await mesh.AdminTokenAsync(),
            new { client_id = clientId, scopes = new[] { "orders.read" }, jwks = key.Jwks });
        Assert.True(answer.Status == 201, answer.ToString());
        Assert.Null(answer.Member("client_secret"));
        return (answer.Json.GetProperty("application").GetProperty("id").GetGuid(), clientId);
    }
}
