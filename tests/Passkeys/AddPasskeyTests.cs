using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Passkeys;

public sealed class AddPasskeyTests(ProductionMesh mesh)
{
    private static readonly TimeSpan Old = TimeSpan.FromMinutes(11);

    [Fact]
    public async Task The_options_demand_a_discoverable_verified_passkey_without_attestation()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);

        Assert.Equal(200, offer.Status);
        Assert.Equal("no-store", offer.Header("Cache-Control"));
        var options = offer.Options();
        Assert.Equal("auth.example.test", options.GetProperty("rp").GetProperty("id").GetString());
        Assert.Equal(user.Username, options.GetProperty("user").GetProperty("name").GetString());
        Assert.Equal("required", options.GetProperty("authenticatorSelection").GetProperty("residentKey").GetString());
        Assert.Equal("required", options.GetProperty("authenticatorSelection").GetProperty("userVerification").GetString());
        Assert.Equal("none", options.GetProperty("attestation").GetString());
        Assert.Equal([-7, -257], options.GetProperty("pubKeyCredParams").EnumerateArray().Select(p => p.GetProperty("alg").GetInt32()));
        Assert.Empty(options.GetProperty("excludeCredentials").EnumerateArray());
        // The user handle is 48 random bytes as text, and stays the account's.
        var handle = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(options.GetProperty("user").GetProperty("id").GetString()));
        Assert.Equal(48, Base64Url.DecodeFromChars(handle).Length);
        Assert.Equal(handle, await mesh.Database.ScalarAsync<string>("SELECT passkey_handle FROM users WHERE id = $1", user.UserId));
        Assert.Equal(
            options.GetProperty("user").GetProperty("id").GetString(),
            (await mesh.Gateway.OfferPasskeyAsync(user.Token)).Options().GetProperty("user").GetProperty("id").GetString());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_new_passkey_is_listed_excluded_from_then_on_and_told(bool usesRsa)
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE users SET email = $2, normalized_email = $2, email_verified_at = now() WHERE id = $1", user.UserId,
            $"{user.UserId:N}@example.test");
        using var passkey = new SoftwarePasskey(usesRsa) { IsSynced = true };

        var added = await mesh.Gateway.AddPasskeyAsync(user.Token, passkey, "  My phone ");

        Assert.Equal(200, added.Status);
        Assert.Equal("My phone", added.Member("name"));
        var list = await mesh.Gateway.GetAsync("/account/passkeys", user.Token);
        var listed = Assert.Single(list.Json.GetProperty("passkeys").EnumerateArray());
        Assert.Equal(["id", "name", "created_at", "last_used_at", "backed_up"], listed.EnumerateObject().Select(member => member.Name));
        Assert.Equal(added.Member("id"), listed.GetProperty("id").GetString());
        Assert.Equal("My phone", listed.GetProperty("name").GetString());
        Assert.True(listed.GetProperty("backed_up").GetBoolean());
        Assert.Equal(JsonValueKind.Null, listed.GetProperty("last_used_at").ValueKind);
        var excluded = Assert.Single(
            (await mesh.Gateway.OfferPasskeyAsync(user.Token)).Options().GetProperty("excludeCredentials").EnumerateArray());
        Assert.Equal(Base64Url.EncodeToString(passkey.Id), excluded.GetProperty("id").GetString());
        Assert.Equal(
            ["hybrid", "internal"],
            excluded.GetProperty("transports").EnumerateArray().Select(transport => transport.GetString()).Order(StringComparer.Ordinal));
        Assert.Equal(1, await mesh.Database.ScalarAsync<int>("SELECT factors_epoch FROM users WHERE id = $1", user.UserId));
        var told = await mesh.Mails.NextAsync($"{user.UserId:N}@example.test", "A new way to sign in");
        Assert.Contains("passkey", told.Text, StringComparison.Ordinal);
        await mesh.AssertEventsAsync("passkey_added", user.UserId, 1);
    }

    [Fact]
    public async Task A_passkey_without_a_name_is_named_after_the_day()
    {
        var user = await mesh.Gateway.SignUpAsync();

        Assert.Matches("^Passkey of 20[0-9]{2}-[0-9]{2}-[0-9]{2}$", (await mesh.Gateway.AddPasskeyAsync(user.Token, new())).Member("name"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    [InlineData("line\nfeed")]
    [InlineData("\u001b[31mred")]
    [InlineData("123456789 123456789 123456789 123456789 123456789 123456789 12345")]
    public async Task A_bad_name_is_400(string name)
    {
        var user = await mesh.Gateway.SignUpAsync();
        using var passkey = new SoftwarePasskey();

        (await mesh.Gateway.AddPasskeyAsync(user.Token, passkey, name)).AssertError(400, "invalid_request", null, "name");

        Assert.Equal(200, (await mesh.Gateway.AddPasskeyAsync(user.Token, passkey, "123456789 123456789 123456789")).Status);
    }

    public static TheoryData<string, Action<SoftwarePasskey>> Faults => new()
    {
        { "another site's page", passkey => passkey.Origin = "https://evil.example" },
        { "a page of a subdomain", passkey => passkey.Origin = "https://shop.auth.example.test" },
        { "the issuer on another port", passkey => passkey.Origin = ProductionMesh.Issuer + ":8443" },
        { "the issuer with a slash", passkey => passkey.Origin = ProductionMesh.Issuer + "/" },
        { "the issuer in plain text", passkey => passkey.Origin = "http://auth.example.test" },
        { "no origin", passkey => passkey.Origin = "" },
        { "a frame in another site's page", passkey => passkey.IsFramed = true },
        { "another domain", passkey => passkey.Domain = "example.test" },
        { "no user verification", passkey => passkey.VerifiesUser = false },
        { "another algorithm", passkey => passkey.Algorithm = -35 },
        { "an unknown algorithm", passkey => passkey.Algorithm = -65_000 },
    };

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public async Task A_passkey_with_a_fault_is_refused(string fault, Action<SoftwarePasskey> put)
    {
        var user = await mesh.Gateway.SignUpAsync();
        using var passkey = new SoftwarePasskey();
        put(passkey);

        var answer = await mesh.Gateway.AddPasskeyAsync(user.Token, passkey);

        Assert.True(answer.Status == 403, $"{fault}: {answer}");
        answer.AssertError(403, "passkey_refused");
        Assert.Equal(0, await CountAsync(user));
        Assert.Equal(0, await mesh.Database.ScalarAsync<int>("SELECT factors_epoch FROM users WHERE id = $1", user.UserId));
    }

    [Fact]
    public async Task A_challenge_counts_once_and_only_for_its_user_and_purpose()
    {
        var (user, other) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());
        using SoftwarePasskey first = new(), second = new();
        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);
        Task<Answer> SendAsync(SignedIn sender, SoftwarePasskey passkey, string? state = null) => mesh.Gateway.CallAsync(
            HttpMethod.Post, "/account/passkeys", sender.Token,
            new { credential = passkey.Create(offer.Options()), state = state ?? offer.State() });

        (await SendAsync(other, first)).AssertError(400, "invalid_or_expired_token");
        (await SendAsync(user, first, (await mesh.Gateway.OfferPasskeyLoginAsync()).State())).AssertError(400, "invalid_or_expired_token");
        (await SendAsync(user, first, "junk")).AssertError(400, "invalid_or_expired_token");
        (await SendAsync(user, first, offer.State()[..^1] + (offer.State()[^1] == 'A' ? 'B' : 'A')))
            .AssertError(400, "invalid_or_expired_token");
        // The signature is over another challenge than the state.
        (await SendAsync(user, first, (await mesh.Gateway.OfferPasskeyAsync(user.Token)).State())).AssertError(403, "passkey_refused");

        Assert.Equal(200, (await SendAsync(user, first)).Status);
        (await SendAsync(user, second)).AssertError(400, "invalid_or_expired_token");
        Assert.Equal(1, await CountAsync(user));
    }

    [Fact]
    public async Task A_passkey_belongs_to_one_account()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var other = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.AddPasskeyAsync(other.Token, passkey)).AssertError(409, "passkey_exists");
        (await mesh.Gateway.AddPasskeyAsync(user.Token, passkey)).AssertError(409, "passkey_exists");

        Assert.Equal((1, 0), (await CountAsync(user), await CountAsync(other)));
        Assert.Equal(0, await mesh.Database.ScalarAsync<int>("SELECT factors_epoch FROM users WHERE id = $1", other.UserId));
    }

    [Fact]
    public async Task An_account_has_at_most_20_passkeys()
    {
        var (user, _) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);
        await mesh.Database.ExecuteAsync(
            """
            INSERT INTO passkeys (
                id, user_id, credential_id, public_key, name, sign_count, transports, is_backup_eligible, is_backed_up, created_at)
            SELECT gen_random_uuid(), $1, uuid_send(gen_random_uuid()), '', 'x', 0, '{}', false, false, now() FROM generate_series(1, 18)
            """,
            user.UserId);
        Assert.Equal(200, (await mesh.Gateway.AddPasskeyAsync(user.Token, new())).Status);

        (await mesh.Gateway.OfferPasskeyAsync(user.Token)).AssertError(409, "too_many_passkeys");
        var body = new { credential = new SoftwarePasskey().Create(offer.Options()), state = offer.State() };
        (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/passkeys", user.Token, body)).AssertError(409, "too_many_passkeys");
        Assert.Equal(20, await CountAsync(user));
    }

    [Fact]
    public async Task Adding_demands_a_recent_proof()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);
        await mesh.Database.AgeProofAsync(user.SessionId, Old);
        var body = new { credential = new SoftwarePasskey().Create(offer.Options()), state = offer.State() };
        var refreshed = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        // The first token still says that the proof is recent, but the row does not.
        foreach (var token in new[] { user.Token, refreshed.Token })
        {
            (await mesh.Gateway.OfferPasskeyAsync(token)).AssertError(401, "insufficient_user_authentication");
            (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/passkeys", token, body))
                .AssertError(401, "insufficient_user_authentication");
        }

        var proved = await mesh.Gateway.ReauthenticateAsync(refreshed.Token, user.Password);
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/passkeys", proved.Token, body)).Status);
    }

    [Fact]
    public async Task A_credential_may_have_members_that_the_service_does_not_know()
    {
        var user = await mesh.Gateway.SignUpAsync();
        using var passkey = new SoftwarePasskey();
        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);
        var credential = passkey.Create(offer.Options());
        credential["manager"] = new JsonArray(1, "two", null, true);
        credential["response"]!["publicKeyAlgorithm"] = -7;
        credential["response"]!["authenticatorData"] = "abc";
        credential["clientExtensionResults"]!["deep"] = JsonNode.Parse("""{"a":{"b":{"c":{"d":{"e":{"f":["deep"]}}}}}}""");

        var body = new JsonObject { ["credential"] = credential, ["state"] = offer.State() };
        Assert.Equal(200, (await SendAsync(user, body.ToJsonString())).Status);
    }

    [Theory]
    [InlineData("""{"state":"x"}""", 400, "invalid_request")]
    [InlineData("""{"credential":{}}""", 400, "invalid_request")]
    [InlineData("""{"credential":null,"state":"x"}""", 400, "invalid_request")]
    [InlineData("""{"credential":"text","state":"x"}""", 400, "invalid_request")]
    [InlineData("""{"credential":[],"state":"x"}""", 400, "invalid_request")]
    [InlineData("""{"credential":{},"state":"x","more":1}""", 400, "invalid_request")]
    [InlineData("""{"credential":{},"state":"STATE","state":"STATE"}""", 400, "invalid_request")]
    [InlineData("""{"credential":{},"state":7}""", 400, "invalid_request")]
    [InlineData("""{"credential":{},"state":"\ud800"}""", 400, "invalid_or_expired_token")]
    [InlineData("""{"credential":{},"state":"\u0000"}""", 400, "invalid_or_expired_token")]
    [InlineData("""{"credential":{},"state":"STATE"}""", 403, "passkey_refused")]
    [InlineData("""{"credential":{"id":7,"type":"public-key"},"state":"STATE"}""", 403, "passkey_refused")]
    [InlineData("""{"credential":{"id":"\ud800","rawId":"\u0000"},"state":"STATE"}""", 403, "passkey_refused")]
    [InlineData(
        """
        {"credential":{"id":"","rawId":"","type":"public-key","clientExtensionResults":{},"response":{"clientDataJSON":"",
        "attestationObject":""}},"state":"STATE"}
        """, 403, "passkey_refused")]
    [InlineData(
        """
        {"credential":{"id":"AA","type":"public-key","clientExtensionResults":[[[[[[]]]]]],"response":{"clientDataJSON":"e30",
        "attestationObject":"oA"}},"state":"STATE"}
        """, 403, "passkey_refused")]
    [InlineData("""{"credential":{"x":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]},"state":"STATE"}""", 400, "invalid_request")]
    public async Task Junk_is_refused(string body, int status, string code)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);

        var answer = await SendAsync(user, body.Replace("STATE", offer.State(), StringComparison.Ordinal));

        Assert.Equal((status, code), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task Bytes_that_are_not_UTF8_are_refused()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);
        byte[] body =
        [
            .. "{\"credential\":{\"id\":\""u8, 0xff, 0xfe, .. "\"},\"state\":\""u8, .. Encoding.ASCII.GetBytes(offer.State()), .. "\"}"u8,
        ];

        var answer = await SendAsync(user, new ByteArrayContent(body));

        Assert.Contains(answer.Status, new[] { 400, 403 });
    }

    [Fact]
    public async Task A_body_over_16_KB_is_413_and_one_below_is_read()
    {
        var user = await mesh.Gateway.SignUpAsync();
        using var passkey = new SoftwarePasskey();
        var offer = await mesh.Gateway.OfferPasskeyAsync(user.Token);
        var credential = passkey.Create(offer.Options());
        credential["padding"] = new string('x', 16 * 1024);
        var body = new JsonObject { ["credential"] = credential, ["state"] = offer.State() };
        Assert.Equal(413, (await SendAsync(user, body.ToJsonString())).Status);

        credential["padding"] = new string('x', 13 * 1024);
        Assert.Equal(200, (await SendAsync(user, body.ToJsonString())).Status);
    }

    private Task<Answer> SendAsync(SignedIn user, string body) => SendAsync(user, new StringContent(body));

    private Task<Answer> SendAsync(SignedIn user, HttpContent content)
    {
        content.Headers.ContentType = new("application/json");
        return mesh.Gateway.SendAsync(
            HttpMethod.Post, "/account/passkeys", content, request => request.Headers.Authorization = new("Bearer", user.Token));
    }

    private Task<int> CountAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<int>("SELECT count(*)::int FROM passkeys WHERE user_id = $1", user.UserId);
}
