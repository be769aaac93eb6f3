using System.Text;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.SecondFactor;

/// <summary>A signed-in caller proves a second factor, and what demands that.</summary>
public sealed class StepUpByCodeTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_code_alone_is_one_factor_and_with_the_password_it_makes_two()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.AgeProofAsync(totp.User.SessionId, TimeSpan.FromDays(1));

        var first = await StepUpAsync(totp.Token, new { totp = totp.Code() });

        AssertProved(first, "aal1", "otp");
        AssertProved(await StepUpAsync(first.Token, new { password = totp.User.Password }), "aal2", "mfa", "otp", "pwd");
    }

    [Fact]
    public async Task A_recovery_code_steps_up_once()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.AgeProofAsync(totp.User.SessionId, TimeSpan.FromMinutes(1));

        var answer = await StepUpAsync(totp.Token, new { recovery_code = totp.RecoveryCodes[0] });

        AssertProved(answer, "aal2", "mfa", "otp", "pwd");
        (await mesh.Identity.ExchangeAsync(new { cookie = totp.Confirmed.Cookie() })).AssertError(401, "invalid_session");
        AssertProved(await mesh.Identity.ExchangeAsync(new { cookie = answer.Cookie() }), "aal2", "mfa", "otp", "pwd");
        (await StepUpAsync(answer.Token, new { recovery_code = totp.RecoveryCodes[0] })).AssertError(403, "wrong_code");
    }

    [Fact]
    public async Task A_wrong_code_proves_nothing()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var before = await MethodsAsync(totp);

        (await StepUpAsync(totp.Token, new { totp = totp.WrongCode }))
            .AssertError(403, "wrong_code", "The code is wrong, or was used before");
        (await StepUpAsync(totp.Token, new { recovery_code = "aaaaa-aaaaa" })).AssertError(403, "wrong_code");

        Assert.Equal(before, await MethodsAsync(totp));
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = totp.Confirmed.Cookie() })).Status);
    }

    [Fact]
    public async Task A_user_without_an_app_has_no_right_code()
    {
        var user = await mesh.Gateway.SignUpAsync();

        (await StepUpAsync(user.Token, new { totp = "123456" })).AssertError(403, "wrong_code");
        (await StepUpAsync(user.Token, new { recovery_code = "" })).AssertError(400, "invalid_request");
    }

    [Theory]
    [InlineData("""{"totp":"123456","recovery_code":"abcde-fghij"}""")]
    [InlineData("""{"totp":"123456","password":""}""")]
    [InlineData("""{"totp":""}""")]
    [InlineData("""{"totp":123456}""")]
    [InlineData("""{"recovery_code":null}""")]
    [InlineData("""{"recoveryCode":"abcde-fghij"}""")]
    public async Task A_body_without_exactly_one_proof_is_400(string body)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/account/reauthenticate", new StringContent(body, Encoding.UTF8, "application/json"),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Code));
    }

    [Fact]
    public async Task A_new_password_needs_two_factors_besides_the_current_one()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var (old, next) = (totp.User.Password, "another password");

        // 1. The token has one factor.
        AssertDemanded(await mesh.Gateway.ChangePasswordAsync(totp.User.Token, old, next));

        // 2. The token has two, and the session's are too old by now.
        await mesh.Database.AgeProofAsync(totp.User.SessionId, TimeSpan.FromMinutes(11));
        AssertDemanded(await mesh.Gateway.ChangePasswordAsync(totp.Token, old, next));

        // 3. Two fresh factors do not replace the current password.
        var first = await StepUpAsync(totp.Token, new { totp = totp.Code() });
        var both = (await StepUpAsync(first.Token, new { password = old })).Token;
        (await mesh.Gateway.ChangePasswordAsync(both, "a wrong password", next)).AssertError(403, "wrong_password");
        (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/password", both, new { new_password = next }))
            .AssertError(400, "invalid_request", fields: "current_password");
        Assert.Equal(200, (await mesh.Gateway.ChangePasswordAsync(both, old, next)).Status);

        // 4. The second factor stays demanded.
        await mesh.Gateway.BeginLoginAsync(totp.User with { Password = next });
    }

    [Fact]
    public async Task The_end_of_an_account_needs_two_factors_besides_the_password()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        AssertDemanded(await mesh.Gateway.DeleteAccountAsync(totp.User.Token, totp.User.Password));
        (await mesh.Gateway.DeleteAccountAsync(totp.Token, "a wrong password")).AssertError(403, "wrong_password");
        Assert.Equal(200, (await mesh.Gateway.DeleteAccountAsync(totp.Token, totp.User.Password)).Status);

        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT (SELECT count(*) FROM totp_secrets WHERE user_id = $1) + (SELECT count(*) FROM recovery_codes WHERE user_id = $1)",
            totp.UserId));
    }

    [Fact]
    public async Task An_account_without_a_password_sets_one_after_a_fresh_proof()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = NULL WHERE id = $1", user.UserId);
        Assert.Equal("False", (await mesh.Gateway.GetAsync("/account", user.Token)).Member("has_password"));
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = jsonb_build_object('passkey', extract(epoch FROM now())::bigint - 700) WHERE id = $1",
            user.SessionId);

        (await SetPasswordAsync(user.Token)).AssertError(401, "insufficient_user_authentication");

        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = jsonb_build_object('passkey', extract(epoch FROM now())::bigint) WHERE id = $1", user.SessionId);
        Assert.Equal(200, (await SetPasswordAsync(user.Token)).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, "a first password")).Status);
    }

    [Fact]
    public async Task An_account_without_a_password_ends_after_a_fresh_proof()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET password_hash = NULL WHERE id = $1", user.UserId);
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(11));
        (await DeleteAsync(user.Token)).AssertError(401, "insufficient_user_authentication");

        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.Zero);
        Assert.Equal(200, (await DeleteAsync(user.Token)).Status);
    }

    [Fact]
    public async Task A_proof_is_void_if_the_account_changed_while_it_was_checked()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);

        var answers = await Together.RunAsync(
            () => mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/trusted-devices", totp.Token),
            () => StepUpAsync(totp.Token, new { password = totp.User.Password }));

        Assert.Equal(200, answers[0].Status);
        Assert.Contains(answers[1].Code, new[] { null, "account_changed" });
    }

    private static void AssertProved(Answer answer, string assurance, params string[] methods)
    {
        Assert.Equal(200, answer.Status);
        var token = answer.AccessToken();
        Assert.Equal(assurance, token.GetClaim("acr").Value);
        Assert.Equal(methods, token.Claims.Where(claim => claim.Type == "amr").Select(claim => claim.Value).Order());
    }

    private static void AssertDemanded(Answer answer)
    {
        answer.AssertError(401, "insufficient_user_authentication", "Confirm that it is you with a second factor");
        Assert.Contains("max_age=\"600\", acr_values=\"aal2\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
    }

    private Task<Answer> StepUpAsync(string token, object proof) =>
        mesh.Gateway.CallAsync(HttpMethod.Post, "/account/reauthenticate", token, proof);

    private Task<Answer> SetPasswordAsync(string token) =>
        mesh.Gateway.CallAsync(HttpMethod.Post, "/account/password", token, new { new_password = "a first password" });

    private Task<Answer> DeleteAsync(string token) => mesh.Gateway.CallAsync(HttpMethod.Delete, "/account", token, new { });

    private Task<string> MethodsAsync(TwoStepUser totp) =>
        mesh.Database.ScalarAsync<string>("SELECT methods::text FROM sessions WHERE id = $1", totp.User.SessionId);
}
