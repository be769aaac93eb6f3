using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Passkeys;

/// <summary>A passkey after the password of an account that demands a second factor.</summary>
public sealed class PasskeySecondStepTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_passkey_finishes_a_sign_in_whose_password_was_right()
    {
        var (user, passkey, loginToken) = await BeginAsync();

        var offer = await mesh.Gateway.OfferPasskeyLoginAsync(loginToken);
        var answer = await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(offer.Options()), offer.State(), loginToken);

        Assert.Single(offer.Options().GetProperty("allowCredentials").EnumerateArray());
        Assert.Equal(200, answer.Status);
        Assert.Equal(user.UserId, answer.AccessToken().UserId());
        Assert.Equal("aal2", answer.AccessToken().GetClaim("acr").Value);
        Assert.Equal(
            ["mfa", "pop", "pwd"], answer.AccessToken().Claims.Where(claim => claim.Type == "amr").Select(claim => claim.Value).Order());

        // The login token is used up.
        (await mesh.Gateway.OfferPasskeyLoginAsync(loginToken)).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(offer.Options()), offer.State(), loginToken))
            .AssertError(400, "invalid_or_expired_token");
    }

    [Fact]
    public async Task A_passkey_of_somebody_else_does_not()
    {
        var (user, passkey, loginToken) = await BeginAsync();
        var (_, others) = await mesh.Gateway.SignUpWithPasskeyAsync();

        (await mesh.Gateway.LoginByPasskeyAsync(others, loginToken)).AssertError(401, "passkey_refused");
        others.Handle = passkey.Handle;
        (await mesh.Gateway.LoginByPasskeyAsync(others, loginToken)).AssertError(401, "passkey_refused");

        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey, loginToken)).Status);
        Assert.Equal(2, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", user.UserId));
    }

    [Fact]
    public async Task A_challenge_of_another_step_or_user_does_not()
    {
        var (_, passkey, loginToken) = await BeginAsync();
        var (_, _, others) = await BeginAsync();
        var (first, second, third) = (
            await mesh.Gateway.OfferPasskeyLoginAsync(), await mesh.Gateway.OfferPasskeyLoginAsync(loginToken),
            await mesh.Gateway.OfferPasskeyLoginAsync(others));

        (await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(first.Options()), first.State(), loginToken))
            .AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(second.Options()), second.State()))
            .AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(third.Options()), third.State(), loginToken))
            .AssertError(400, "invalid_or_expired_token");
        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(second.Options()), second.State(), loginToken)).Status);
    }

    [Fact]
    public async Task An_expired_sign_in_is_not_finished()
    {
        var (user, passkey, loginToken) = await BeginAsync();
        var offer = await mesh.Gateway.OfferPasskeyLoginAsync(loginToken);
        await mesh.Database.ExecuteAsync("UPDATE pending_sign_ins SET expires_at = now() WHERE user_id = $1", user.UserId);

        (await mesh.Gateway.LoginByPasskeyAsync(passkey.Sign(offer.Options()), offer.State(), loginToken))
            .AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.OfferPasskeyLoginAsync(loginToken)).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.OfferPasskeyLoginAsync("authmesh_lt_invented")).AssertError(400, "invalid_or_expired_token");
    }

    [Fact]
    public async Task A_passkey_lets_the_codes_of_an_app_count_again()
    {
        var (user, passkey, loginToken) = await BeginAsync();
        await mesh.Database.ExecuteAsync(
            """
            INSERT INTO totp_secrets (id, user_id, key_id, sealed, created_at, confirmed_at, last_step, wrong_codes)
            VALUES (gen_random_uuid(), $1, 'none', '', now(), now(), 0, 50)
            """,
            user.UserId);

        Assert.Equal(200, (await mesh.Gateway.LoginByPasskeyAsync(passkey, loginToken)).Status);

        Assert.Equal(0, await mesh.Database.ScalarAsync<int>("SELECT wrong_codes FROM totp_secrets WHERE user_id = $1", user.UserId));
    }

    [Fact]
    public async Task A_device_that_is_trusted_then_needs_the_password_alone()
    {
        var (user, passkey, loginToken) = await BeginAsync();
        var offer = await mesh.Gateway.OfferPasskeyLoginAsync(loginToken);
        var answer = await mesh.Gateway.PostAsync("/login/passkey", new
        {
            credential = passkey.Sign(offer.Options()), state = offer.State(), login_token = loginToken, trust_device = true,
        });
        Assert.Equal(200, answer.Status);

        var trusted = await mesh.Gateway.LoginAsync(user.Username, user.Password, answer.DeviceCookie());

        Assert.Equal(200, trusted.Status);
        Assert.Equal("aal1", trusted.AccessToken().GetClaim("acr").Value);
        (await mesh.Gateway.LoginAsync(user.Username, user.Password)).AssertSecondFactor();
    }

    private async Task<(SignedIn User, SoftwarePasskey Passkey, string LoginToken)> BeginAsync()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE id = $1", user.UserId);
        var login = await mesh.Gateway.LoginAsync(user.Username, user.Password);
        login.AssertSecondFactor();
        Assert.Contains("passkey", login.Json.GetProperty("methods").EnumerateArray().Select(method => method.GetString()));
        return (user, passkey, login.Member("login_token")!);
    }
}
