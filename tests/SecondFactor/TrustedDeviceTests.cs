using AuthMesh.Identity.SecondFactor;
using AuthMesh.Identity.Throttling;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.SecondFactor;

/// <summary>A device that its user trusts takes the place of the second factor, and proves none.</summary>
public sealed class TrustedDeviceTests(ProductionMesh mesh)
{
    [Fact]
    public async Task On_a_trusted_device_the_password_is_enough_and_the_session_has_one_factor()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var cookie = await TrustAsync(totp);

        var answer = await mesh.Gateway.LoginAsync(totp.User.Username, totp.User.Password, cookie);

        Assert.Equal(200, answer.Status);
        Assert.Equal("aal1", answer.AccessToken().GetClaim("acr").Value);
        Assert.Equal(["pwd"], answer.AccessToken().Claims.Where(claim => claim.Type == "amr").Select(claim => claim.Value));

        // The cookie goes on, and so does the trust. What demands two factors still does.
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(totp.User.Username, totp.User.Password, answer.DeviceCookie())).Status);
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/totp", answer.Token))
            .AssertError(401, "insufficient_user_authentication", "Confirm that it is you with a second factor");
    }

    [Fact]
    public async Task A_device_that_is_only_known_is_not_trusted()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var known = (await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), totp.Code())).DeviceCookie()!;

        await mesh.Gateway.BeginLoginAsync(totp.User, known);
        await mesh.Gateway.BeginLoginAsync(totp.User, totp.User.Answer.DeviceCookie());
    }

    [Fact]
    public async Task The_trust_of_one_account_is_of_no_use_to_another()
    {
        var (totp, other) = (await mesh.Gateway.SignUpWithTotpAsync(mesh.Database), await mesh.Gateway.SignUpWithTotpAsync(mesh.Database));

        await mesh.Gateway.BeginLoginAsync(other.User, await TrustAsync(totp));
    }

    [Fact]
    public async Task Forgetting_all_trusted_devices_ends_the_trust_and_no_session()
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var cookie = await TrustAsync(totp);
        var session = await mesh.Gateway.LoginAsync(totp.User.Username, totp.User.Password, cookie);

        (await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/trusted-devices", session.Token))
            .AssertError(401, "insufficient_user_authentication"); // trusted is not proved
        var answer = await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/trusted-devices", totp.Token);

        Assert.Equal((200, "No device is trusted any more"), (answer.Status, answer.Message));
        await mesh.Gateway.BeginLoginAsync(totp.User, cookie);
        Assert.Equal(200, (await mesh.Identity.GetAsync("/account", session.Token)).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(session.RefreshToken())).Status);
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = session.Cookie() })).Status);
    }

    [Theory]
    [InlineData("recovery codes")]
    [InlineData("app")]
    [InlineData("password")]
    public async Task A_change_of_a_way_to_sign_in_ends_the_trust(string change)
    {
        var totp = await mesh.Gateway.SignUpWithTotpAsync(mesh.Database);
        var cookie = await TrustAsync(totp);
        var user = totp.User;
        switch (change)
        {
            case "recovery codes":
                Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Post, "/account/recovery-codes", totp.Token)).Status);
                break;
            case "app":
                await mesh.Gateway.EnableTotpAsync(user with { Answer = totp.Confirmed }, mesh.Database);
                break;
            default:
                user = user with { Password = "another password" };
                Assert.Equal(
                    200, (await mesh.Gateway.ChangePasswordAsync(totp.Token, totp.User.Password, user.Password)).Status);
                break;
        }

        await mesh.Gateway.BeginLoginAsync(user, cookie);
    }

    [Fact]
    public void The_trust_lasts_for_thirty_days_and_only_if_the_mesh_trusts_devices()
    {
        var clock = new FakeTimeProvider();
        var (on, off) = (Devices(new SecondFactorOptions(), clock), Devices(new SecondFactorOptions { TrustDevices = false }, clock));
        var device = new DeviceCookie(Guid.NewGuid(), 0, [], on.Begin(factorsEpoch: 3));
        Assert.Null(off.Begin(3));

        Assert.True(on.Cover(device, 3));
        Assert.False(on.Cover(device, 4));
        Assert.False(on.Cover(device with { Trust = null }, 3));
        Assert.False(on.Cover(null, 3));
        Assert.False(off.Cover(device, 3));
        clock.Advance(TimeSpan.FromDays(30) - TimeSpan.FromSeconds(1));
        Assert.True(on.Cover(device, 3));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(on.Cover(device, 3));
    }

    private static TrustedDevices Devices(SecondFactorOptions options, TimeProvider clock) => new(Options.Create(options), clock);

    private async Task<string> TrustAsync(TwoStepUser totp)
    {
        var answer = await mesh.Gateway.LoginTotpAsync(await mesh.Gateway.BeginLoginAsync(totp.User), totp.Code(), trustDevice: true);
        Assert.Equal(200, answer.Status);
        return answer.DeviceCookie()!;
    }
}
