using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.SecondFactor;

/// <summary>The second step of a sign-in: a code after the right password.</summary>
public sealed class LoginWithCodeTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_right_password_gives_a_login_token_and_no_session()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var sessions = await SessionsAsync(totp);

        var answer = await mesh.Gateway.LoginAsync(totp.User.Username, totp.User.Password);

        answer.AssertErrorWith(["login_token", "methods", "expires_in"], 401, "second_factor_required");
        Assert.Matches("^authmesh_lt_[A-Za-z0-9_-]{43}$", answer.Member("login_token"));
        Assert.Equal("""["totp","recovery_code"]""", answer.Member("methods"));
        Assert.Equal("600", answer.Member("expires_in"));
        Assert.Null(answer.Header("Set-Cookie"));
        Assert.Equal(sessions, await SessionsAsync(totp));
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pending_sign_ins WHERE user_id = $1 AND position($2::bytea in token_hash) > 0",
            totp.UserId, System.Text.Encoding.ASCII.GetBytes(answer.Member("login_token")!)));
    }

    [Fact]
    public async Task As_a_problem_the_error_has_the_same_members()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        var answer = await mesh.Gateway.LoginAsync(
            totp.User.Username, totp.User.Password, null, request => request.Headers.Accept.ParseAdd("application/problem+json"));

        Assert.Equal((401, "second_factor_required"), (answer.Status, answer.Code));
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(answer.Member("login_token")!, totp.Code())).Status);
    }

    [Fact]
    public async Task A_wrong_password_looks_the_same_with_and_without_a_second_factor()
    {
        var (totp, user) = (await mesh.Gateway.SignUpWithTotpAsync(mesh.Database), await mesh.Gateway.SignUpAsync());

        foreach (var name in new[] { totp.User.Username, user.Username, ProductionMesh.NewName() })
        {
            (await mesh.Gateway.LoginAsync(name, "a wrong password")).AssertError(401, "invalid_credentials", "Invalid credentials");
        }
    }

    [Fact]
    public async Task A_code_finishes_the_sign_in_and_answers_as_a_login_does()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        var answer = await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), totp.Code());

        Assert.Equal((200, $"Welcome {totp.User.Username}!"), (answer.Status, answer.Message));
        Assert.Equal(
            totp.User.Answer.Json.EnumerateObject().Select(member => member.Name),
            answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(2, answer.Headers.GetValues("Set-Cookie").Count()); // session and device
        AssertProved(answer, "aal2", "mfa", "otp", "pwd");
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", answer.Token)).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(answer.RefreshToken())).Status);
    }

    [Fact]
    public async Task Each_method_keeps_its_own_time()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var token = await mesh.Gateway.BeginLoginAsync(totp.User);
        await mesh.Database.ExecuteAsync(
            "UPDATE pending_sign_ins SET created_at = created_at - interval '9 minutes' WHERE user_id = $1", totp.UserId);

        var answer = await mesh.Gateway.LoginTotpAsync(token, totp.Code());

        AssertProved(answer, "aal2", "mfa", "otp", "pwd");
        Assert.InRange(
            await mesh.Database.ScalarAsync<long>(
                "SELECT (methods->>'otp')::bigint - (methods->>'pwd')::bigint FROM sessions WHERE id = $1",
                answer.AccessToken().SessionId()),
            540, 600);
    }

    [Fact]
    public async Task A_code_is_good_once()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var code = totp.Code();
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), code)).Status);

        var token = await mesh.Gateway.BeginLoginAsync(totp.User);
        (await mesh.Gateway.LoginTotpAsync(token, code)).AssertError(401, "wrong_code", "The code is wrong, or was used before");
        (await mesh.Gateway.LoginTotpAsync(token, totp.Code(-1))).AssertError(401, "wrong_code"); // older than the one that was used
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(token, totp.Code(1))).Status);
    }

    [Fact]
    public async Task A_login_token_is_good_once()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var token = await mesh.Gateway.BeginLoginAsync(totp.User);
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(token, totp.Code())).Status);

        (await mesh.Gateway.LoginTotpAsync(token, totp.Code(1))).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginRecoveryCodeAsync(token, totp.RecoveryCodes[0])).AssertError(400, "invalid_or_expired_token");
        Assert.Equal(10, await CodesLeftAsync(totp)); // a dead token uses no code up
    }

    [Fact]
    public async Task A_recovery_code_finishes_the_sign_in_once_and_its_owner_hears_of_it()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await SetEmailAsync(totp);
        var code = totp.RecoveryCodes[3];

        var answer = await mesh.Gateway.LoginRecoveryCodeAsync(await mesh.Gateway.BeginLoginAsync(totp.User), code);

        AssertProved(answer, "aal2", "mfa", "otp", "pwd");
        Assert.Equal("9", (await mesh.Gateway.GetAsync("/account", answer.Token)).Member("recovery_codes"));
        await mesh.Mails.NextAsync(AddressOf(totp), "A recovery code was used");
        (await mesh.Gateway.LoginRecoveryCodeAsync(await mesh.Gateway.BeginLoginAsync(totp.User), code)).AssertError(401, "wrong_code");
        Assert.Single(mesh.Mails.To(AddressOf(totp)));
    }

    [Theory]
    [InlineData("upper")]
    [InlineData("no hyphen")]
    [InlineData("spaces")]
    public async Task How_people_type_a_recovery_code_does_not_matter(string how)
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var code = totp.RecoveryCodes[0];

        var answer = await mesh.Gateway.LoginRecoveryCodeAsync(await mesh.Gateway.BeginLoginAsync(totp.User), how switch
        {
            "upper" => code.ToUpperInvariant(),
            "no hyphen" => code.Replace("-", "", StringComparison.Ordinal),
            _ => $" {string.Join(' ', code.AsEnumerable())} ",
        });

        Assert.Equal(200, answer.Status);
    }

    [Fact]
    public async Task A_recovery_code_of_another_account_is_wrong()
    {
        var (totp, other) = (await mesh.Gateway.SignUpWithTotpAsync(mesh.Database), await mesh.Gateway.SignUpWithTotpAsync(mesh.Database));

        (await mesh.Gateway.LoginRecoveryCodeAsync(await mesh.Gateway.BeginLoginAsync(totp.User), other.RecoveryCodes[0]))
            .AssertError(401, "wrong_code");

        Assert.Equal(10, await CodesLeftAsync(other));
    }

    [Fact]
    public async Task The_fifth_wrong_code_ends_the_sign_in()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var (dead, alive) = (await mesh.Gateway.BeginLoginAsync(totp.User), await mesh.Gateway.BeginLoginAsync(totp.User));
        for (var i = 0; i < 5; i++)
        {
            var answer = i % 2 == 0
                ? await mesh.Gateway.LoginTotpAsync(dead, totp.WrongCode)
                : await mesh.Gateway.LoginRecoveryCodeAsync(dead, "aaaaa-aaaaa");
            answer.AssertError(401, "wrong_code");
        }

        (await mesh.Gateway.LoginTotpAsync(dead, totp.Code())).AssertError(400, "invalid_or_expired_token");

        for (var i = 0; i < 4; i++)
        {
            (await mesh.Gateway.LoginTotpAsync(alive, totp.WrongCode)).AssertError(401, "wrong_code");
        }

        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(alive, totp.Code())).Status);
    }

    [Fact]
    public async Task At_the_third_wrong_code_the_owner_hears_that_somebody_knows_the_password()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await SetEmailAsync(totp);
        var token = await mesh.Gateway.BeginLoginAsync(totp.User);
        for (var i = 1; i <= 5; i++)
        {
            Assert.Equal(i <= 3 ? 0 : 1, mesh.Mails.To(AddressOf(totp)).Count);
            (await mesh.Gateway.LoginTotpAsync(token, totp.WrongCode)).AssertError(401, "wrong_code");
            if (i == 3)
            {
                await mesh.Mails.NextAsync(AddressOf(totp), "Somebody knows your password");
            }
        }

        Assert.Single(mesh.Mails.To(AddressOf(totp)));
    }

    [Fact]
    public async Task Two_wrong_codes_in_each_of_several_sign_ins_are_noticed_too()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await SetEmailAsync(totp);
        for (var i = 0; i < 4; i++)
        {
            (await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), totp.WrongCode))
                .AssertError(401, "wrong_code");
        }

        await mesh.Mails.NextAsync(AddressOf(totp), "Somebody knows your password");
        Assert.Single(mesh.Mails.To(AddressOf(totp)));
    }

    public static TheoryData<string> Invented => new(
        "", "x", "authmesh_lt_", "authmesh_lt_" + new string('A', 43), new string('A', 43), "authmesh_lt_" + new string('A', 42) + "B",
        new string('x', 9000), "\0");

    [Theory]
    [MemberData(nameof(Invented))]
    public async Task An_invented_login_token_is_400(string token)
    {
        (await mesh.Gateway.LoginTotpAsync(token, "123456")).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginRecoveryCodeAsync(token, "aaaaa-aaaaa")).AssertError(400, "invalid_or_expired_token");
    }

    [Theory]
    [InlineData("{}", "login_token", "code")]
    [InlineData("""{"login_token":"x"}""", "code")]
    [InlineData("""{"login_token":null,"code":"1"}""", "login_token")]
    [InlineData("""{"login_token":1,"code":"1"}""", "login_token")]
    [InlineData("""{"login_token":"x","code":123456}""", "code")]
    [InlineData("""{"login_token":"x","code":"1","trust_device":"yes"}""", "trust_device")]
    [InlineData("""{"login_token":"x","code":"1","code":"2"}""", "code")]
    [InlineData("""{"login_token":"x","code":"1","user":"admin"}""", "user")]
    public async Task A_malformed_body_is_400_and_names_the_member(string body, params string[] fields)
    {
        foreach (var path in new[] { "/login/totp", "/login/recovery-code" })
        {
            (await mesh.Gateway.PostRawAsync(path, body)).AssertError(400, "invalid_request", fields: fields);
        }
    }

    [Theory]
    [InlineData("UPDATE pending_sign_ins SET expires_at = now() WHERE user_id = $1")]
    [InlineData("UPDATE users SET factors_epoch = factors_epoch + 1 WHERE id = $1")]
    [InlineData("UPDATE users SET epoch = epoch + 1 WHERE id = $1")]
    [InlineData("UPDATE users SET disabled_at = now() WHERE id = $1")]
    [InlineData("DELETE FROM users WHERE id = $1")]
    public async Task A_sign_in_ends_when_it_expires_or_its_account_changes(string change)
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var token = await mesh.Gateway.BeginLoginAsync(totp.User);
        Assert.Equal(1, await mesh.Database.ExecuteAsync(change, totp.UserId));

        (await mesh.Gateway.LoginTotpAsync(token, totp.Code())).AssertError(400, "invalid_or_expired_token");
        (await mesh.Gateway.LoginRecoveryCodeAsync(token, totp.RecoveryCodes[0])).AssertError(400, "invalid_or_expired_token");
    }

    [Fact]
    public async Task A_new_password_ends_a_sign_in_with_the_old_one()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var token = await mesh.Gateway.BeginLoginAsync(totp.User);

        var changed = await mesh.Gateway.ChangePasswordAsync(totp.Token, totp.User.Password, "another password");

        Assert.Equal(200, changed.Status);
        (await mesh.Gateway.LoginTotpAsync(token, totp.Code())).AssertError(400, "invalid_or_expired_token");
    }

    [Fact]
    public async Task After_fifty_wrong_codes_the_app_is_refused_until_a_recovery_code()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.ExecuteAsync("UPDATE totp_secrets SET wrong_codes = 49 WHERE user_id = $1", totp.UserId);
        var token = await mesh.Gateway.BeginLoginAsync(totp.User);
        (await mesh.Gateway.LoginTotpAsync(token, totp.WrongCode)).AssertError(401, "wrong_code");

        var refused = await mesh.Gateway.LoginTotpAsync(token, totp.Code());

        refused.AssertError(403, "totp_blocked");
        (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/reauthenticate", totp.Token, new { totp = totp.Code() }))
            .AssertError(403, "totp_blocked");
        var demanded = await mesh.Gateway.LoginAsync(totp.User.Username, totp.User.Password);
        Assert.Equal("""["recovery_code"]""", demanded.Member("methods"));
        Assert.Equal(200, (await mesh.Gateway.LoginRecoveryCodeAsync(token, totp.RecoveryCodes[0])).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(demanded.Member("login_token")!, totp.Code())).Status);
    }

    [Fact]
    public async Task A_reset_of_the_password_unblocks_the_app_and_keeps_it_demanded()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.ExecuteAsync("UPDATE totp_secrets SET wrong_codes = 50 WHERE user_id = $1", totp.UserId);
        var proof = await mesh.Database.AddProofAsync(totp.UserId, "PasswordReset");

        Assert.Equal(200, (await mesh.Gateway.ResetPasswordAsync(proof)).Status);

        var demanded = await mesh.Gateway.LoginAsync(totp.User.Username, EmailCalls.NewPassword);
        Assert.Equal((401, "second_factor_required"), (demanded.Status, demanded.Code));
        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(demanded.Member("login_token")!, totp.Code())).Status);
    }

    [Fact]
    public async Task A_right_code_starts_the_count_over()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.ExecuteAsync("UPDATE totp_secrets SET wrong_codes = 49 WHERE user_id = $1", totp.UserId);

        Assert.Equal(200, (await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), totp.Code())).Status);

        Assert.Equal(0, await mesh.Database.ScalarAsync<int>("SELECT wrong_codes FROM totp_secrets WHERE user_id = $1", totp.UserId));
    }

    [Fact]
    public async Task A_secret_that_was_copied_to_another_account_opens_nothing()
    {
        var thief = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var victim = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.ExecuteAsync(
            "UPDATE totp_secrets SET sealed = (SELECT sealed FROM totp_secrets WHERE user_id = $1) WHERE user_id = $2",
            thief.UserId, victim.UserId);

        var token = await mesh.Gateway.BeginLoginAsync(victim.User);

        (await mesh.Gateway.LoginTotpAsync(token, thief.Code())).AssertError(401, "wrong_code");
        Assert.Equal(200, (await mesh.Gateway.LoginRecoveryCodeAsync(token, victim.RecoveryCodes[0])).Status);
    }

    private static void AssertProved(Answer answer, string assurance, params string[] methods)
    {
        Assert.Equal(200, answer.Status);
        var token = answer.AccessToken();
        Assert.Equal(assurance, token.GetClaim("acr").Value);
        Assert.Equal(methods, token.Claims.Where(claim => claim.Type == "amr").Select(claim => claim.Value).Order());
    }

    private Task<long> SessionsAsync(TwoStepUser totp) =>
        mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE user_id = $1", totp.UserId);

    private Task<long> CodesLeftAsync(TwoStepUser totp) =>
        mesh.Database.ScalarAsync<long>("SELECT count(*) FROM recovery_codes WHERE user_id = $1", totp.UserId);

    private Task<int> SetEmailAsync(TwoStepUser totp) => mesh.Database.ExecuteAsync(
        "UPDATE users SET email = $2, normalized_email = $2, email_verified_at = now() WHERE id = $1",
        totp.UserId, AddressOf(totp));

    private static string AddressOf(TwoStepUser totp) => $"{totp.UserId:N}@example.test";
}
