using System.Text;
using AuthMesh.Identity;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Tests.SecondFactor;

/// <summary>Turning an authenticator app on and off, and what that demands.</summary>
public sealed class EnableTotpTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_secret_comes_in_base32_and_as_a_URI_for_a_QR_code()
    {
        var name = $"a+b@{Guid.NewGuid():N}"[..20];
        Assert.Equal(200, (await mesh.Gateway.RegisterAsync(name, SessionCalls.Password)).Status);
        var user = await mesh.Gateway.SignInAsync(name, SessionCalls.Password);

        var answer = await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/totp", user.Token);

        Assert.Equal(200, answer.Status);
        Assert.Equal(["status", "message", "secret", "otpauth_uri"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Matches("^[A-Z2-7]{32}$", answer.Member("secret"));
        Assert.Equal(
            $"otpauth://totp/auth.example.test:{Uri.EscapeDataString(name)}?secret={answer.Member("secret")}&issuer=auth.example.test"
            + "&algorithm=SHA1&digits=6&period=30",
            answer.Member("otpauth_uri"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, SessionCalls.Password)).Status); // nothing is demanded yet
    }

    [Fact]
    public async Task The_first_code_turns_it_on_gives_recovery_codes_and_proves_two_factors()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var totp = await mesh.Gateway.EnableTotpAsync(user, mesh.Database);

        // 1. Ten codes, shown this once.
        Assert.Equal(10, totp.RecoveryCodes.Distinct().Count());
        Assert.All(totp.RecoveryCodes, code => Assert.Matches("^[a-z2-7]{5}-[a-z2-7]{5}$", code));

        // 2. The session goes on with a new cookie and two factors.
        AssertTwoFactors(totp.Confirmed);
        (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).AssertError(401, "invalid_session");
        AssertTwoFactors(await mesh.Identity.ExchangeAsync(new { cookie = totp.Confirmed.Cookie() }));
        AssertTwoFactors(await mesh.Gateway.RefreshAsync(user.RefreshToken));

        // 3. The account says so.
        var account = await mesh.Gateway.GetAsync("/account", totp.Token);
        Assert.Equal(
            ("True", "True", "True", "10"),
            (account.Member("has_password"), account.Member("two_step"), account.Member("totp"), account.Member("recovery_codes")));

        // 4. The table reveals neither secret nor codes.
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM totp_secrets WHERE user_id = $1 AND position($2 in sealed) > 0", user.UserId, totp.Secret));
        Assert.Equal(10, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM recovery_codes WHERE user_id = $1 AND length(code_hash) = 32", user.UserId));
    }

    [Fact]
    public async Task A_wrong_first_code_turns_nothing_on()
    {
        var user = await mesh.Gateway.SignUpAsync();
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/totp", user.Token)).Status);

        foreach (var code in (string[])["", "000000x", "12345", "1234567", "\0", new string('1', 3000)])
        {
            (await ConfirmAsync(user.Token, code)).AssertError(403, "wrong_code");
        }

        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);
        Assert.Equal("0", (await mesh.Gateway.GetAsync("/account", user.Token)).Member("recovery_codes"));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"code":null}""")]
    [InlineData("""{"code":123456}""")]
    [InlineData("""{"code":["123456"]}""")]
    [InlineData("""{"code":"123456","secret":"A"}""")]
    public async Task A_body_without_exactly_one_code_is_400(string body)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/account/totp/confirm", new StringContent(body, Encoding.UTF8, "application/json"),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task Without_a_secret_that_waits_there_is_nothing_to_confirm()
    {
        var user = await mesh.Gateway.SignUpAsync();
        (await ConfirmAsync(user.Token, "123456")).AssertError(409, "totp_not_begun");

        var totp = await mesh.Gateway.EnableTotpAsync(user, mesh.Database);

        (await ConfirmAsync(totp.Token, totp.Code())).AssertError(409, "totp_not_begun");
    }

    [Fact]
    public async Task A_new_secret_replaces_the_one_that_waits_and_the_app_in_use_stays_until_the_new_one_is_confirmed()
    {
        var old = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var abandoned = await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/totp", old.Token);
        var begun = await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/totp", old.Token);
        Assert.NotEqual(abandoned.Member("secret"), begun.Member("secret"));
        Assert.Equal(2, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM totp_secrets WHERE user_id = $1", old.UserId));
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(old.User), old.Code())).Status);

        var replaced = await mesh.Gateway.EnableTotpAsync(old.User with { Answer = old.Confirmed }, mesh.Database);

        Assert.False(replaced.Confirmed.Json.TryGetProperty("recovery_codes", out _)); // the earlier ones stay
        var token = await mesh.Gateway.BeginLoginAsync(old.User);
        (await mesh.Gateway.LoginTotpAsync(token, old.Code(1))).AssertError(401, "wrong_code");
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(token, replaced.Code())).Status);
        Assert.Equal(
            200, (await mesh.Gateway.LoginRecoveryCodeAsync(await mesh.Gateway.BeginLoginAsync(old.User), old.RecoveryCodes[0])).Status);
    }

    public static TheoryData<string, string, string?> Changes => new()
    {
        { "POST", "/account/totp", null },
        { "POST", "/account/totp/confirm", """{"code":"123456"}""" },
        { "DELETE", "/account/totp", null },
        { "POST", "/account/recovery-codes", null },
        { "POST", "/account/two-step", """{"enabled":true}""" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Each_change_needs_a_proof_of_the_last_ten_minutes(string method, string path, string? body)
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(11));
        var old = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Token;

        // The old token says so by itself; the first one is checked against the session.
        foreach (var token in new[] { old, user.Token })
        {
            var refused = await SendAsync(token, method, path, body);
            refused.AssertError(401, "insufficient_user_authentication", "Confirm again that it is you");
            Assert.Contains("max_age=\"600\"", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }

        var proved = (await mesh.Gateway.ReauthenticateAsync(old, user.Password)).Token;
        Assert.NotEqual(401, (await SendAsync(proved, method, path, body)).Status);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Each_change_needs_two_factors_if_the_account_does(string method, string path, string? body)
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        // A token from before the second factor, of the same session.
        var refused = await SendAsync(totp.User.Token, method, path, body);

        refused.AssertError(401, "insufficient_user_authentication", "Confirm that it is you with a second factor");
        Assert.Contains("acr_values=\"aal2\"", refused.Header("WWW-Authenticate"), StringComparison.Ordinal);
        Assert.NotEqual(401, (await SendAsync(totp.Token, method, path, body)).Status);
    }

    [Fact]
    public async Task Without_its_app_an_account_signs_in_by_password_again_and_its_recovery_codes_are_gone()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var pending = await mesh.Gateway.BeginLoginAsync(totp.User);

        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/totp", totp.Token)).Status);

        Assert.Equal(200, (await mesh.Gateway.LoginAsync(totp.User.Username, totp.User.Password)).Status);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM recovery_codes WHERE user_id = $1", totp.UserId));
        (await mesh.Gateway.LoginRecoveryCodeAsync(pending, totp.RecoveryCodes[0])).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/totp", totp.Token)).AssertError(404, "totp_not_found");
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task An_account_with_a_passkey_or_without_a_password_goes_on_to_demand_more(bool hasPasskey, bool hasPassword)
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        if (hasPasskey)
        {
            await mesh.Database.AddPasskeyRowAsync(totp.UserId);
        }

        if (!hasPassword)
        {
            await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = NULL WHERE id = $1", totp.UserId);
        }

        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/totp", totp.Token)).Status);

        Assert.Equal(
            hasPasskey || !hasPassword, await mesh.Database.ScalarAsync<bool>("SELECT two_step FROM users WHERE id = $1", totp.UserId));
        Assert.Equal(
            hasPasskey || !hasPassword ? 10 : 0,
            await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM recovery_codes WHERE user_id = $1", totp.UserId));
    }

    [Fact]
    public async Task New_recovery_codes_replace_the_old_ones()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        var answer = await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/recovery-codes", totp.Token);

        Assert.Equal(200, answer.Status);
        var codes = answer.Json.GetProperty("recovery_codes").EnumerateArray().Select(code => code.GetString()!).ToList();
        Assert.Equal(10, codes.Except(totp.RecoveryCodes).Distinct().Count());
        var token = await mesh.Gateway.BeginLoginAsync(totp.User);
        (await mesh.Gateway.LoginRecoveryCodeAsync(token, totp.RecoveryCodes[0])).AssertError(401, "wrong_code");
        Assert.Equal(200, (await mesh.Gateway.LoginRecoveryCodeAsync(token, codes[0])).Status);
    }

    [Fact]
    public async Task An_account_that_demands_no_second_factor_gets_no_recovery_codes()
    {
        var user = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/recovery-codes", user.Token)).AssertError(409, "two_step_off");
    }

    [Fact]
    public async Task An_account_with_a_passkey_decides_whether_its_password_needs_more()
    {
        var user = await mesh.Gateway.SignUpAsync();
        (await TwoStepAsync(user.Token, true)).AssertError(409, "no_passkey");
        await mesh.Database.AddPasskeyRowAsync(user.UserId);

        var on = await TwoStepAsync(user.Token, true);

        Assert.Equal((200, 10), (on.Status, on.Json.GetProperty("recovery_codes").GetArrayLength()));
        var code = on.Json.GetProperty("recovery_codes")[0].GetString()!;
        var demanded = await mesh.Gateway.LoginAsync(user.Username, user.Password);
        Assert.Equal("""["recovery_code","passkey"]""", demanded.Member("methods"));
        Assert.Equal(200, (await mesh.Gateway.LoginRecoveryCodeAsync(demanded.Member("login_token")!, code)).Status);

        // Turning it off demands what it demands.
        (await TwoStepAsync(user.Token, false)).AssertError(401, "insufficient_user_authentication");
        var second = on.Json.GetProperty("recovery_codes")[1].GetString()!;
        var proved = await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/reauthenticate", user.Token, new { recovery_code = second });
        Assert.Equal(200, (await TwoStepAsync(proved.Token, false)).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM recovery_codes WHERE user_id = $1", user.UserId));
    }

    [Fact]
    public async Task An_account_without_a_password_cannot_say_that_its_password_is_enough()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.AddPasskeyRowAsync(totp.UserId);
        (await TwoStepAsync(totp.Token, false)).AssertError(409, "totp_enabled"); // the app demands a second factor
        await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = NULL WHERE id = $1", totp.UserId);

        (await TwoStepAsync(totp.Token, false)).AssertError(409, "no_password");
    }

    [Fact]
    public async Task The_owner_hears_of_an_app_that_was_added_or_removed()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await SetEmailAsync(user.UserId);
        var totp = await mesh.Gateway.EnableTotpAsync(user, mesh.Database);
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/totp", totp.Token)).Status);

        var address = $"{user.UserId:N}@example.test";
        await mesh.Mails.NextAsync(address, "A new way to sign in");
        await mesh.Mails.NextAsync(address, "was removed");
        Assert.Equal(2, mesh.Mails.To(address).Count);
    }

    [Fact]
    public async Task Old_secrets_that_nobody_confirmed_and_expired_sign_ins_are_cleaned_up()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/totp", totp.Token)).Status);
        await mesh.Gateway.BeginLoginAsync(totp.User);
        await mesh.Database.ExecuteAsync(
            "UPDATE totp_secrets SET created_at = now() - interval '25 hours' WHERE user_id = $1", totp.UserId);
        await mesh.Database.ExecuteAsync("UPDATE pending_sign_ins SET expires_at = now() WHERE user_id = $1", totp.UserId);
        await using var db = mesh.Database.Open();

        var statements = new ServiceCollection().AddModules().Select(service => service.ImplementationInstance).OfType<PruneStatement>()
            .Where(statement => statement.Rows is "expired sign-ins" or "authenticator secrets that nobody confirmed").ToList();
        Assert.Equal(2, statements.Count);
        await Prune.RunAsync(db, statements, TestContext.Current.CancellationToken);

        Assert.True(await mesh.Database.ScalarAsync<bool>(
            "SELECT bool_and(confirmed_at IS NOT NULL) FROM totp_secrets WHERE user_id = $1", totp.UserId));
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM pending_sign_ins WHERE user_id = $1", totp.UserId));
    }

    private static void AssertTwoFactors(Answer answer)
    {
        var token = answer.AccessToken();
        Assert.Equal("aal2", token.GetClaim("acr").Value);
        Assert.Equal(["mfa", "otp", "pwd"], token.Claims.Where(claim => claim.Type == "amr").Select(claim => claim.Value).Order());
    }

    private Task<int> SetEmailAsync(Guid userId) => mesh.Database.ExecuteAsync(
        "UPDATE users SET email = $2, normalized_email = $2, email_verified_at = now() WHERE id = $1", userId, $"{userId:N}@example.test");

    private Task<Answer> ConfirmAsync(string token, string code) =>
        mesh.Gateway.CallAsync(HttpMethod.Post, "/account/totp/confirm", token, new { code });

    private Task<Answer> TwoStepAsync(string token, bool enabled) =>
        mesh.Gateway.CallAsync(HttpMethod.Post, "/account/two-step", token, new { enabled });

    private Task<Answer> SendAsync(string token, string method, string path, string? body) => mesh.Gateway.SendAsync(
        new HttpMethod(method), path,
        body is null ? null : new StringContent(body, Encoding.UTF8, "application/json"),
        request => request.Headers.Authorization = new("Bearer", token));
}
