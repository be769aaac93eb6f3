using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Emails;

public sealed class ResetPasswordTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_reset_ends_every_session_signs_nobody_in_and_keeps_the_second_factor()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var other = await mesh.Gateway.SignInAgainAsync(user);
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE id = $1", user.UserId);
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");

        var answer = await mesh.Gateway.ResetPasswordAsync(proof);

        Assert.Equal(200, answer.Status);
        Assert.Equal(["status", "message", "username"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(user.Username, answer.Member("username"));
        var setCookie = Assert.Single(answer.Headers.GetValues("Set-Cookie"));
        Assert.StartsWith("__Host-authmesh-device=", setCookie, StringComparison.Ordinal);
        foreach (var session in new[] { user, other })
        {
            Assert.True(await mesh.Database.IsRevokedAsync(new JsonWebToken(session.Token)));
            (await mesh.Gateway.RefreshAsync(session.RefreshToken)).AssertError(401, "invalid_refresh_token");
            (await mesh.Identity.ExchangeAsync(new { cookie = session.Cookie })).AssertError(401, "invalid_session");
            await Patience.UntilAsync(() => mesh.Gateway.GetAsync("/protected", session.Token), refused => refused.Status == 401);
        }

        Assert.Equal(
            "(t,1,1)", await mesh.Database.ScalarAsync<string>(
                "SELECT (two_step, epoch, factors_epoch)::text FROM users WHERE id = $1", user.UserId));
        (await mesh.Gateway.ResetPasswordAsync(proof)).AssertNoProof();
        (await mesh.Gateway.LoginAsync(user.Username, user.Password)).AssertError(401, "invalid_credentials");
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = false WHERE id = $1", user.UserId);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, EmailCalls.NewPassword)).Status);
    }

    [Theory]
    [InlineData("DELETE", "/sessions")]
    [InlineData("PATCH", "")]
    public async Task An_admin_who_ends_all_sessions_of_a_user_ends_resets_too(string method, string path)
    {
        var (admin, user) = (await mesh.AdminTokenAsync(), await mesh.Gateway.SignUpAsync());
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");

        Assert.Equal(
            200, (await mesh.Gateway.CallAsync(
                new HttpMethod(method), $"/users/{user.UserId}{path}", admin, method == "PATCH" ? new { disabled = true } : null)).Status);
        await mesh.Database.ExecuteAsync("UPDATE users SET disabled_at = NULL WHERE id = $1", user.UserId);

        (await mesh.Gateway.ResetPasswordAsync(proof)).AssertNoProof();
    }

    public static TheoryData<string> VoidProofs => new(
        "UPDATE account_proofs SET expires_at = now() WHERE user_id = $1", "DELETE FROM account_proofs WHERE user_id = $1",
        "UPDATE users SET factors_epoch = factors_epoch + 1 WHERE id = $1", "UPDATE users SET disabled_at = now() WHERE id = $1",
        "UPDATE account_proofs SET purpose = 'VerifyEmail' WHERE user_id = $1",
        "UPDATE account_proofs SET address = 'not-proved@example.test' WHERE user_id = $1");

    [Theory]
    [MemberData(nameof(VoidProofs))]
    public async Task A_void_proof_sets_no_password(string sql)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");
        Assert.Equal(1, await mesh.Database.ExecuteAsync(sql, user.UserId));
        var before = await mesh.Database.RowAsync(user.UserId);

        (await mesh.Gateway.ResetPasswordAsync(proof)).AssertNoProof();
        (await mesh.Gateway.PostAsync("/password/reset/show", new { token = proof })).AssertNoProof();

        Assert.Equal(before, await mesh.Database.RowAsync(user.UserId));
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("qwertyuiop")]
    [InlineData("NAME-12")]
    [InlineData("ADDRESS1!")]
    public async Task A_password_against_the_rules_is_refused_and_the_proof_stays(string password)
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset", address);
        password = password.Replace("NAME", user.Username, StringComparison.Ordinal)
            .Replace("ADDRESS", address.Split('@')[0], StringComparison.Ordinal);

        (await mesh.Gateway.ResetPasswordAsync(proof, password)).AssertError(400, "invalid_request", fields: "new_password");

        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(proof)).Status);
    }

    [Fact]
    public async Task The_device_that_reset_the_password_is_known_in_the_new_epoch()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var browser = new Browser(mesh.Gateway);
        Assert.Equal(200, (await browser.PostAsync("/login", new { username = user.Username, password = user.Password })).Status);
        var before = browser.DeviceCookie;

        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");
        Assert.Equal(
            200, (await browser.PostAsync("/password/reset", new { token = proof, new_password = EmailCalls.NewPassword })).Status);

        Assert.NotNull(browser.DeviceCookie);
        Assert.NotEqual(before, browser.DeviceCookie);
        Assert.Equal(
            200, (await browser.PostAsync("/login", new { username = user.Username, password = EmailCalls.NewPassword })).Status);
    }

    [Fact]
    public async Task The_reader_of_the_link_sees_what_else_opens_the_account_and_may_remove_own_passkeys()
    {
        var (user, other) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());
        var (recent, old, foreign) = (
            await AddPasskeyAsync(user.UserId, 29), await AddPasskeyAsync(user.UserId, 31), await AddPasskeyAsync(other.UserId, 1));
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");

        var shown = await mesh.Gateway.PostAsync("/password/reset/show", new { token = proof });
        Assert.Equal((200, user.Username, "False"), (shown.Status, shown.Member("username"), shown.Member("invitation")));
        Assert.Equal(
            [(recent, true), (old, false)],
            shown.Json.GetProperty("passkeys").EnumerateArray().Select(
                key => (key.GetProperty("id").GetGuid(), key.GetProperty("recent").GetBoolean())));
        Assert.Equal(("False", "0"), (shown.Member("authenticator"), shown.Member("recovery_codes")));

        Assert.Equal(200, (await mesh.Gateway.PostAsync(
            "/password/reset", new { token = proof, new_password = EmailCalls.NewPassword, remove_passkeys = new[] { recent, foreign } }))
            .Status);
        Assert.Equal(
            [old, foreign], await mesh.Database.ScalarAsync<Guid[]>(
                "SELECT array_agg(id ORDER BY user_id = $1 DESC) FROM passkeys WHERE user_id = $1 OR user_id = $2", user.UserId,
                other.UserId));
    }

    [Theory]
    [InlineData("""{"token":"TOKEN","new_password":"a password after the reset","remove_passkeys":["x"]}""")]
    [InlineData("""{"token":"TOKEN","new_password":"a password after the reset","remove_passkeys":"x"}""")]
    [InlineData("""{"token":"TOKEN","new_password":"a password after the reset","new_password":"a password after the reset"}""")]
    [InlineData("""{"token":"TOKEN","new_password":"a password after the reset","more":1}""")]
    [InlineData("""{"token":1,"new_password":"a password after the reset"}""")]
    [InlineData("""{"token":"TOKEN","new_password":"\ud800 password after the reset"}""")]
    public async Task A_body_of_another_form_is_400_and_the_proof_stays(string body)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset");

        var answer = await mesh.Gateway.PostRawAsync("/password/reset", body.Replace("TOKEN", proof, StringComparison.Ordinal));

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Code));
        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(proof)).Status);
    }

    [Fact]
    public async Task A_changed_password_makes_earlier_links_void_and_is_told_to_the_address()
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);
        var proof = await mesh.Database.AddProofAsync(user.UserId, "PasswordReset", address);

        Assert.Equal(200, (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, "another password")).Status);

        (await mesh.Gateway.ResetPasswordAsync(proof)).AssertNoProof();
        Assert.Equal("Your password at AuthMesh was changed", (await mesh.Mails.NextAsync(address)).Subject);
    }

    private async Task<Guid> AddPasskeyAsync(Guid userId, int days)
    {
        var id = Guid.NewGuid();
        await mesh.Database.ExecuteAsync(
            """
            INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, transports, is_backup_eligible,
                is_backed_up, created_at)
            VALUES ($1, $2, $3, '', 'a key', 0, '{}', false, false, now() - make_interval(days => $4))
            """,
            id, userId, id.ToByteArray(), days);
        return id;
    }
}
