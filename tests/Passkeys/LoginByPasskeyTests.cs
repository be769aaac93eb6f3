using System.Text;
using System.Text.Json.Nodes;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Passkeys;

public sealed class LoginByPasskeyTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_passkey_signs_in_without_a_name_with_two_factors(bool usesRsa)
    {
        var user = await mesh.Gateway.SignUpAsync();
        using var passkey = new SoftwarePasskey(usesRsa);
        await mesh.Gateway.AddPasskeyAsync(user.Token, passkey);

        var offer = await mesh.Gateway.OfferPasskeyLoginAsync();
        var answer = await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(offer.Options()), offer.State());

        Assert.Equal(200, offer.Status);
        Assert.Empty(offer.Options().GetProperty("allowCredentials").EnumerateArray());
        Assert.Equal("required", offer.Options().GetProperty("userVerification").GetString());
        Assert.Equal(200, answer.Status);
        Assert.Equal($"Welcome {user.Username}!", answer.Message);
        Assert.Equal(user.UserId, answer.AccessToken().UserId());
        Assert.Equal("aal2", answer.AccessToken().GetClaim("acr").Value);
        Assert.Equal(["mfa", "pop"], answer.AccessToken().Claims.Where(claim => claim.Type == "amr").Select(claim => claim.Value).Order());
        Assert.NotNull(answer.Cookie());
        Assert.NotNull(answer.DeviceCookie());
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(answer.RefreshToken())).Status);
        Assert.True(await mesh.Database.ScalarAsync<bool>(
            "SELECT last_used_at > now() - interval '1 minute' FROM passkeys WHERE user_id = $1", user.UserId));
        Assert.Equal(2, mesh.CountEvents("login_succeeded", user.UserId));
    }

    [Fact]
    public async Task A_known_device_keeps_its_cookie()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var browser = new Browser(mesh.Gateway) { DeviceCookie = user.Answer.DeviceCookie() };
        var offer = await browser.PostAsync("/login/passkey/options", new { });

        var answer = await browser.PostAsync("/login/passkey", new { credential = passkey.Sign(offer.Options()), state = offer.State() });

        Assert.Equal(200, answer.Status);
        Assert.Equal(user.Answer.DeviceCookie(), browser.DeviceCookie);
        Assert.Equal(200, (await browser.GetAsync("/protected")).Status);
    }

    [Fact]
    public async Task Each_of_two_devices_signs_in()
    {
        var (user, first) = await mesh.Gateway.SignUpWithPasskeyAsync();
        using var second = new SoftwarePasskey { Count = 40 };
        Assert.Equal(200, (await mesh.Gateway.AddPasskeyAsync(user.Token, second)).Status);
        second.Count++;

        Assert.Equal(user.UserId, (await mesh.Gateway.LoginByPasskeyAsync(first)).AccessToken().UserId());
        Assert.Equal(user.UserId, (await mesh.Gateway.LoginByPasskeyAsync(second)).AccessToken().UserId());
    }

    public static TheoryData<string, Action<SoftwarePasskey>> Faults => new()
    {
        { "another site's page", passkey => passkey.Origin = "https://evil.example" },
        { "a frame in another site's page", passkey => passkey.IsFramed = true },
        { "another domain", passkey => passkey.Domain = "evil.example" },
        { "no user verification", passkey => passkey.VerifiesUser = false },
        { "an unknown account", passkey => passkey.Handle = Encoding.ASCII.GetBytes(new string('A', 64)) },
        { "a handle that is no text", passkey => passkey.Handle = [0, 0xff, 0xfe] },
        { "no handle", passkey => passkey.Handle = [] },
        { "a copied key", passkey => passkey.IsSynced = true }, // was not eligible when it was registered
    };

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public async Task A_signature_with_a_fault_signs_nobody_in(string fault, Action<SoftwarePasskey> put)
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey)).Status);
        put(passkey);

        var answer = await mesh.Gateway.LoginByPasskeyAsync(passkey);

        Assert.True(answer.Status == 401, $"{fault}: {answer}");
        answer.AssertError(401, "passkey_refused");
        Assert.Null(answer.Cookie());
        Assert.Equal(2, await CountSessionsAsync(user));
    }

    [Fact]
    public async Task Another_key_under_a_known_id_signs_nobody_in()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        using var forged = new SoftwarePasskey { Id = passkey.Id, Handle = passkey.Handle };

        (await mesh.Gateway.LoginByPasskeyAsync(forged)).AssertError(401, "passkey_refused");

        Assert.Equal(1, await CountSessionsAsync(user));
        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey)).Status);
    }

    [Fact]
    public async Task A_passkey_of_one_account_does_not_sign_in_to_another()
    {
        var (_, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var (other, otherPasskey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        passkey.Handle = otherPasskey.Handle;

        (await mesh.Gateway.LoginByPasskeyAsync(passkey)).AssertError(401, "passkey_refused");

        Assert.Equal(1, await CountSessionsAsync(other));
    }

    [Fact]
    public async Task A_challenge_counts_once_and_only_for_a_sign_in()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var (offer, other) = (await mesh.Gateway.OfferPasskeyLoginAsync(), await mesh.Gateway.OfferPasskeyLoginAsync());
        var signed = passkey.Sign(offer.Options());

        (await mesh.Gateway.LoginByPasskeyAsync(signed, "junk")).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginByPasskeyAsync(signed, (await mesh.Gateway.OfferPasskeyAsync(user.Token)).State()))
            .AssertError(400, "invalid_or_expired_token");
        var stepUp = await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/passkeys/assertion-options", user.Token);
        (await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(stepUp.Options()), stepUp.State()))
            .AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginByPasskeyAsync(signed, other.State())).AssertError(401, "passkey_refused");
        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(signed, offer.State())).Status);
        (await mesh.Gateway.LoginByPasskeyAsync(signed, offer.State())).AssertError(400, "invalid_or_expired_token");

        Assert.Equal(2, await CountSessionsAsync(user));
    }

    [Fact]
    public async Task A_count_that_goes_back_is_refused_and_reported()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        passkey.Count = 5;
        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey)).Status);

        foreach (var count in new uint[] { 5, 4, 0 })
        {
            passkey.Count = count;
            (await mesh.Gateway.LoginByPasskeyAsync(passkey)).AssertError(401, "passkey_refused");
        }

        Assert.Equal(3, mesh.CountEvents("passkey_counter_regressed", user.UserId));
        Assert.Equal(2, await CountSessionsAsync(user));
        Assert.Equal(5, await mesh.Database.ScalarAsync<long>("SELECT sign_count FROM passkeys WHERE user_id = $1", user.UserId));
        passkey.Count = 6;
        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey)).Status);
    }

    [Fact]
    public async Task A_disabled_account_is_refused()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = now() WHERE id = $1", user.UserId);
        (await mesh.Gateway.LoginByPasskeyAsync(passkey)).AssertError(401, "passkey_refused");

        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = NULL WHERE id = $1", user.UserId);
        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey)).Status);
    }

    [Fact]
    public async Task A_removed_passkey_signs_nobody_in()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Database.ExecuteAsync("DELETE FROM passkeys WHERE user_id = $1", user.UserId);

        (await mesh.Gateway.LoginByPasskeyAsync(passkey)).AssertError(401, "passkey_refused");
    }

    [Fact]
    public async Task The_signature_may_have_members_that_the_service_does_not_know()
    {
        var (_, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var offer = await mesh.Gateway.OfferPasskeyLoginAsync();
        var signed = passkey.Sign(offer.Options());
        signed["clientExtensionResults"]!["prf"] = JsonNode.Parse("""{"enabled":true,"results":{"first":"abc","second":{"a":[[[1]]]}}}""");
        signed["response"]!["attestationObject"] = null;

        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(signed, offer.State())).Status);
    }

    [Theory]
    [InlineData("""{"state":"x"}""", 400, "invalid_request")]
    [InlineData("""{"credential":{}}""", 400, "invalid_request")]
    [InlineData("""{"credential":[],"state":"x"}""", 400, "invalid_request")]
    [InlineData("""{"credential":{},"state":"x","username":"alice"}""", 400, "invalid_request")]
    [InlineData("""{"credential":{},"state":"x","trust_device":"yes"}""", 400, "invalid_request")]
    [InlineData("""{"credential":{},"state":"x"}""", 400, "invalid_or_expired_token")]
    [InlineData("""{"credential":{},"state":"STATE","login_token":"\ud800"}""", 400, "invalid_or_expired_token")]
    [InlineData("""{"credential":{},"state":"STATE"}""", 401, "passkey_refused")]
    [InlineData("""{"credential":{"id":"\ud800"},"state":"STATE"}""", 401, "passkey_refused")]
    [InlineData("""{"credential":{"id":"AA","type":"public-key","clientExtensionResults":{},"response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA","userHandle":"AAAA"}},"state":"STATE"}""", 401, "passkey_refused")]
    public async Task Junk_signs_nobody_in(string body, int status, string code)
    {
        var offer = await mesh.Gateway.OfferPasskeyLoginAsync();

        var answer = await mesh.Gateway.PostRawAsync("/login/passkey", body.Replace("STATE", offer.State(), StringComparison.Ordinal));

        Assert.Equal((status, code), (answer.Status, answer.Code));
    }

    private Task<int> CountSessionsAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<int>("SELECT count(*)::int FROM sessions WHERE user_id = $1", user.UserId);
}
