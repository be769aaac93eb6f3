using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Throttling;
using static AuthMesh.Tests.Throttling.ThrottledMesh;

namespace AuthMesh.Tests.SecondFactor;

/// <summary>Codes count before they are checked, on two replicas with the default limits.</summary>
[Collection<OnThrottledMesh>]
public sealed class CodeThrottlingTests(ThrottledMesh mesh)
{
    private static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15);

    [Fact]
    public async Task Of_two_hundred_wrong_codes_at_once_five_are_checked()
    {
        var totp = await SignUpAsync();
        var tokens = await BeginAsync(totp, 40); // each is good for five codes

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).LoginTotpAsync(tokens[i / 5], totp.WrongCode));

        Assert.Equal(5, answers.Count(answer => answer.Code == "wrong_code"));
        Assert.Equal(195, answers.Count(answer => answer.Status == 429));
        Assert.Equal(5, await WrongCodesAsync(totp));

        // The limit holds for right codes too, until the window ends. It uses no login token up.
        var wait = AssertTooMany(await mesh.Replica(0).LoginTotpAsync(tokens[39], totp.Code()), Quarter);
        AssertTooMany(await mesh.Replica(1).LoginRecoveryCodeAsync(tokens[39], totp.RecoveryCodes[0]), Quarter);
        await mesh.AgeAsync(wait);
        Assert.Equal(200, (await mesh.Replica(0).LoginTotpAsync((await BeginAsync(totp, 1))[0], totp.Code())).Status);
    }

    [Fact]
    public async Task A_known_device_has_five_codes_of_its_own()
    {
        var totp = await SignUpAsync();
        var device = totp.User.Answer.DeviceCookie();
        await GuessAsync(totp, (await BeginAsync(totp, 1))[0]);
        AssertTooMany(await mesh.Replica(0).LoginTotpAsync((await BeginAsync(totp, 1))[0], totp.Code()), Quarter);

        await GuessAsync(totp, (await BeginAsync(totp, 1, device))[0]);

        AssertTooMany(await mesh.Replica(0).LoginTotpAsync((await BeginAsync(totp, 1, device))[0], totp.Code()), Quarter);
    }

    [Fact]
    public async Task Strangers_keep_no_known_device_out_and_a_right_code_does_not_count()
    {
        var totp = await SignUpAsync();
        var device = totp.User.Answer.DeviceCookie();
        await GuessAsync(totp, (await BeginAsync(totp, 1))[0]);

        for (var i = 0; i < 6; i++)
        {
            var token = (await BeginAsync(totp, 1, device))[0];
            (await mesh.Replica(i).LoginTotpAsync(token, totp.WrongCode)).AssertError(401, "wrong_code");
            Assert.Equal(200, (await mesh.Replica(i).LoginTotpAsync(token, totp.Code())).Status);
            await mesh.Database.ForgetStepAsync(totp.UserId);
        }
    }

    [Fact]
    public async Task A_session_has_five_codes_of_its_own()
    {
        var totp = await SignUpAsync();
        await GuessAsync(totp, (await BeginAsync(totp, 1))[0]);

        var answers = await Together.RunAsync(20, i => StepUpAsync(totp, totp.WrongCode, i));

        Assert.Equal(5, answers.Count(answer => answer is { Status: 403, Code: "wrong_code" }));
        Assert.Equal(15, answers.Count(answer => answer.Status == 429));
        AssertTooMany(await StepUpAsync(totp, totp.Code(), 0), Quarter);
    }

    [Fact]
    public async Task With_the_setting_an_admin_needs_two_factors_in_the_token_and_in_the_session()
    {
        var user = await mesh.SignUpAsync(NewNetwork());
        var totp = await SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", totp.UserId);
        var admin = await mesh.Replica(0).LoginTotpAsync((await BeginAsync(totp, 1))[0], totp.Code());

        // 1. A sign-in by password alone, on a device that the admin trusts.
        await mesh.Database.ForgetStepAsync(totp.UserId);
        var trusted = await mesh.Replica(0).LoginTotpAsync((await BeginAsync(totp, 1))[0], totp.Code(), trustDevice: true);
        var weak = await mesh.LoginAsync(totp.User.Username, totp.User.Password, NewNetwork(), trusted.DeviceCookie());
        Assert.Equal(200, weak.Status);
        AssertDemanded(await DisableAsync(user, weak.Token));

        // 2. A token that claims two factors, of a session that has one.
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = methods - 'otp' WHERE id = $1", admin.AccessToken().SessionId());
        AssertDemanded(await DisableAsync(user, admin.Token));

        // 3. Both.
        Assert.Equal(200, (await DisableAsync(user, trusted.Token)).Status);

        static void AssertDemanded(Answer answer)
        {
            answer.AssertError(401, "insufficient_user_authentication", "Confirm that it is you with a second factor");
            Assert.Contains("max_age=\"3600\", acr_values=\"aal2\"", answer.Header("WWW-Authenticate"), StringComparison.Ordinal);
        }
    }

    private async Task<TwoStepUser> SignUpAsync() =>
        await mesh.Replica(0).EnableTotpAsync(await mesh.SignUpAsync(NewNetwork()), mesh.Database);

    private async Task<IReadOnlyList<string>> BeginAsync(TwoStepUser totp, int count, string? device = null)
    {
        var tokens = new List<string>();
        for (var i = 0; i < count; i++)
        {
            tokens.Add((await mesh.LoginAsync(totp.User.Username, totp.User.Password, NewNetwork(), device, i)).Member("login_token")!);
        }

        return tokens;
    }

    private async Task GuessAsync(TwoStepUser totp, string token)
    {
        for (var i = 0; i < 5; i++)
        {
            (await mesh.Replica(i).LoginTotpAsync(token, totp.WrongCode)).AssertError(401, "wrong_code");
        }
    }

    private Task<Answer> StepUpAsync(TwoStepUser totp, string code, int replica) =>
        mesh.Replica(replica).CallAsync(HttpMethod.Post, "/account/reauthenticate", totp.Token, new { totp = code });

    private Task<Answer> DisableAsync(SignedIn user, string token) =>
        mesh.Replica(0).CallAsync(HttpMethod.Patch, $"/users/{user.UserId}", token, new { disabled = true });

    private Task<int> WrongCodesAsync(TwoStepUser totp) =>
        mesh.Database.ScalarAsync<int>("SELECT wrong_codes FROM totp_secrets WHERE user_id = $1", totp.UserId);
}
