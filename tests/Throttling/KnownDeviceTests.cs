using System.Buffers.Text;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using static AuthMesh.Tests.Throttling.ThrottledMesh;

namespace AuthMesh.Tests.Throttling;

/// <summary>Strangers cannot lock out a device that has signed in before, and such a device can guess no more than they can.</summary>
[Collection<OnThrottledMesh>]
public sealed class KnownDeviceTests(ThrottledMesh mesh)
{
    private static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15), Hour = TimeSpan.FromHours(1);

    [Fact]
    public async Task A_known_device_can_sign_in_after_strangers_have_used_up_every_limit()
    {
        var home = NewNetwork();
        var user = await mesh.SignUpAsync(home);
        var cookie = user.Answer.DeviceCookie()!;
        await mesh.BurnAsync(user.Username);
        for (var i = 0; i < 20; i++)
        {
            await mesh.GuessAsync(10, ProductionMesh.NewName(), home); // uses up the network's limit
        }

        (await mesh.LoginAsync(user.Username, user.Password, home)).AssertError(429, "too_many_attempts");
        await mesh.SignInAsync(user.Username, home, cookie);
        await mesh.SignInAsync(user.Username, NewNetwork(), cookie); // from any network
    }

    [Fact]
    public async Task A_known_device_has_its_own_limit_that_a_renewed_cookie_does_not_reset()
    {
        var user = await mesh.SignUpAsync(NewNetwork());
        var first = user.Answer.DeviceCookie()!;
        var second = (await mesh.SignInAsync(user.Username, NewNetwork(), first)).Answer.DeviceCookie()!;
        var another = (await mesh.SignInAsync(user.Username, NewNetwork())).Answer.DeviceCookie()!;
        for (var i = 0; i < 5; i++)
        {
            await mesh.GuessAsync(1, user.Username, NewNetwork(), first);
            await mesh.GuessAsync(1, user.Username, NewNetwork(), second);
        }

        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, NewNetwork(), first), Quarter);
        var wait = AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, NewNetwork(), second), Quarter);
        await mesh.SignInAsync(user.Username, NewNetwork(), another);
        await mesh.SignInAsync(user.Username, NewNetwork());
        await mesh.AgeAsync(wait);
        await mesh.SignInAsync(user.Username, NewNetwork(), first);
    }

    [Fact]
    public async Task A_right_password_on_a_known_device_resets_its_count_and_the_accounts_in_this_network()
    {
        var home = NewNetwork();
        var user = await mesh.SignUpAsync(home);
        var cookie = user.Answer.DeviceCookie()!;
        await mesh.GuessAsync(9, user.Username, home, cookie);
        await mesh.GuessAsync(10, user.Username, home);
        AssertTooMany(await mesh.LoginAsync(user.Username, user.Password, home), Quarter);

        await mesh.SignInAsync(user.Username, home, cookie);

        await mesh.GuessAsync(10, user.Username, home, cookie);
        await mesh.GuessAsync(10, user.Username, home);
    }

    [Fact]
    public async Task A_password_change_voids_the_device_cookie_and_sets_a_new_one()
    {
        var home = NewNetwork();
        var user = await mesh.SignUpAsync(home);
        var changed = await mesh.ConfirmAsync(user, user.Password, home);
        await mesh.BurnAsync(user.Username);

        AssertTooMany(await mesh.LoginAsync(user.Username, "another password", home, user.Answer.DeviceCookie()), Hour);
        Assert.Equal(200, (await mesh.LoginAsync(user.Username, "another password", home, changed.DeviceCookie())).Status);
    }

    [Fact]
    public async Task A_logout_keeps_the_device_cookie_and_deleting_the_account_clears_it()
    {
        var user = await mesh.SignUpAsync(NewNetwork());
        Assert.Null((await mesh.Replica(0).LogoutAsync(user.Token)).DeviceCookie());

        var again = await mesh.SignInAsync(user.Username, NewNetwork(), user.Answer.DeviceCookie());

        var deleted = await mesh.Replica(0).DeleteAccountAsync(again.Token, again.Password);
        Assert.Contains(
            "__Host-authmesh-device=; max-age=0; path=/; secure; samesite=lax; httponly", deleted.Header("Set-Cookie"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_owner_of_a_name_does_not_inherit_its_known_devices()
    {
        var old = await mesh.SignUpAsync(NewNetwork());
        Assert.Equal(200, (await mesh.Replica(0).DeleteAccountAsync(old.Token, old.Password)).Status);
        Assert.Equal(200, (await mesh.RegisterAsync(old.Username, SessionCalls.Password, NewNetwork())).Status);
        var own = (await mesh.SignInAsync(old.Username, NewNetwork())).Answer.DeviceCookie()!;
        await mesh.BurnAsync(old.Username);

        AssertTooMany(await mesh.LoginAsync(old.Username, SessionCalls.Password, NewNetwork(), old.Answer.DeviceCookie()), Hour);
        await mesh.SignInAsync(old.Username, NewNetwork(), own);
    }

    [Fact]
    public async Task An_invalid_or_foreign_device_cookie_counts_as_none_and_is_never_an_error()
    {
        var user = await mesh.SignUpAsync(NewNetwork());
        var foreign = (await mesh.SignUpAsync(NewNetwork())).Answer.DeviceCookie()!;
        var good = user.Answer.DeviceCookie()!;
        var (name, value) = (good.Split('=')[0], good.Split('=')[1]);
        await mesh.BurnAsync(user.Username);
        var bytes = Base64Url.DecodeFromChars(value);
        var altered = Enumerable.Range(0, bytes.Length).Select(i =>
        {
            var copy = bytes.ToArray();
            copy[i] ^= 1;
            return $"{name}={Base64Url.EncodeToString(copy)}";
        });

        foreach (var cookie in (string[])[
            foreign, $"{good}; {good}", $"{foreign}; {good}", $"{good}; {foreign}", good[..^1], good + "A", good + "=", $"{name}=",
            name, "=" + good,
            $"{name}={new string('A', value.Length)}", $"{name}=\"{value}\"", $"{name}={new string('x', 9000)}", $"authmesh-device={value}",
            $"{name}=%00", $"{name}={user.Cookie}", .. altered])
        {
            foreach (var caller in new[] { mesh.Gateway, mesh.Replica(0) })
            {
                var answer = await caller.LoginAsync(
                    user.Username, user.Password, null, request => request.Headers.TryAddWithoutValidation("Cookie", cookie));
                Assert.True(answer.Status == 429, $"{answer} for {cookie}");
            }
        }

        foreach (var cookie in (string[])[good, $"other=1; {good}; authmesh=2", $"{name}2=x;{good}"])
        {
            Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, user.Password, cookie)).Status);
        }
    }
}
