using AuthMesh.Tests.Harness;
using AuthMesh.Tests.SecondFactor;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Users;

/// <summary>An admin helps a user who lost the second factor.</summary>
public sealed class RemoveSecondFactorTests(ProductionMesh mesh)
{
    [Fact]
    public async Task Without_second_factor_the_password_is_enough_and_the_user_is_told()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.ExecuteAsync(
            "UPDATE users SET email = $2, normalized_email = $2, email_verified_at = now() WHERE id = $1",
            totp.UserId, $"{totp.UserId:N}@example.test");
        await mesh.Database.AddPasskeyRowAsync(totp.UserId);
        var pending = await mesh.Gateway.BeginLoginAsync(totp.User);
        var trusted = (await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), totp.Code(), trustDevice: true));

        var answer = await RemoveAsync(totp.UserId.ToString(), await mesh.AdminTokenAsync());

        Assert.Equal((200, $"{totp.User.Username} signs in without a second factor"), (answer.Status, answer.Message));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(totp.User.Username, totp.User.Password)).Status);
        (await mesh.Gateway.LoginTotpAsync(pending, totp.Code(1))).AssertError(400, "invalid_or_expired_token");
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(trusted.RefreshToken())).Status); // sessions go on
        Assert.Equal(1, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM passkeys WHERE user_id = $1", totp.UserId));
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT (SELECT count(*) FROM totp_secrets WHERE user_id = $1) + (SELECT count(*) FROM recovery_codes WHERE user_id = $1)",
            totp.UserId));
        await mesh.Mails.NextAsync($"{totp.UserId:N}@example.test", "was removed");
    }

    [Fact]
    public async Task What_admins_do_to_their_own_account_demands_what_the_account_demands()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", totp.UserId);
        var admin = await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), totp.Code());
        await mesh.Database.AgeProofAsync(admin.AccessToken().SessionId(), TimeSpan.FromMinutes(1)); // of the password alone
        var weak = await mesh.Gateway.RefreshAsync(admin.RefreshToken());
        Assert.Equal("aal1", weak.AccessToken().GetClaim("acr").Value);

        foreach (var (method, path) in new[]
        {
            (HttpMethod.Delete, "/second-factor"), (HttpMethod.Post, "/password-reset"), (HttpMethod.Delete, ""),
        })
        {
            (await mesh.Gateway.CallAsync(method, $"/users/{totp.UserId}{path}", weak.Token))
                .AssertError(401, "insufficient_user_authentication");
        }

        var other = await mesh.Gateway.SignUpAsync();
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/users/{other.UserId}", weak.Token)).Status);
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'user' WHERE id = $1", totp.UserId);
    }

    [Fact]
    public async Task Only_an_admin_with_a_fresh_proof_may_do_that()
    {
        var (totp, user) = (await mesh.Gateway.SignUpWithTotpAsync(mesh.Database), await mesh.Gateway.SignUpAsync());
        var admin = await mesh.Gateway.SignInAsync("admin", ProductionMesh.AdminPassword);
        await mesh.Database.AgeProofAsync(admin.SessionId, TimeSpan.FromMinutes(61));

        (await RemoveAsync(totp.UserId.ToString(), token: null)).AssertError(401, "missing_token");
        (await RemoveAsync(totp.UserId.ToString(), user.Token)).AssertError(403, "forbidden", "Admin access required");
        (await RemoveAsync(totp.UserId.ToString(), admin.Token)).AssertError(401, "insufficient_user_authentication");

        await mesh.Gateway.BeginLoginAsync(totp.User);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("01a206df-fd48-7e5c-bf0e-4b06949bffdd")]
    public async Task An_id_that_no_user_has_is_404(string id) =>
        (await RemoveAsync(id, await mesh.AdminTokenAsync())).AssertError(404, "not_found", "There is no such user");

    private Task<Answer> RemoveAsync(string id, string? token) =>
        mesh.Gateway.CallAsync(HttpMethod.Delete, $"/users/{id}/second-factor", token);
}
