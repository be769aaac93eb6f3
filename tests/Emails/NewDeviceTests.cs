using System.Net.Http.Json;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Emails;

public sealed class NewDeviceTests(ProductionMesh mesh)
{
    private const string
        Subject = "A new sign-in at AuthMesh",
        Firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

    [Fact]
    public async Task The_first_sign_in_from_a_new_device_is_told_to_the_owner()
    {
        var (user, address) = await SignUpAsync();

        var first = await LoginAsync(user, Firefox);
        Assert.Contains("Firefox, Linux, network ", (await mesh.Mails.NextAsync(address, Subject)).Text, StringComparison.Ordinal);

        Assert.Equal(200, (await LoginAsync(user, Firefox, first.DeviceCookie())).Status);
        await AssertMailsAsync(1, user, address);

        await LoginAsync(user, Firefox); // another browser of this name, in the same network
        await Patience.UntilAsync(() => mesh.Mails.To(address).Count == 3);
    }

    [Fact]
    public async Task A_script_without_cookies_is_new_once()
    {
        var (user, address) = await SignUpAsync();

        Assert.Equal(200, (await LoginAsync(user, "authmesh/0.1")).Status);
        Assert.Equal(200, (await LoginAsync(user, "authmesh/0.1")).Status);
        Assert.Equal(200, (await LoginAsync(user, "")).Status); // as at the registration

        await AssertMailsAsync(1, user, address);
    }

    [Fact]
    public async Task A_device_with_its_cookie_is_known_by_any_program()
    {
        var (user, address) = await SignUpAsync();

        Assert.Equal(200, (await LoginAsync(user, Firefox, user.Answer.DeviceCookie())).Status);
        Assert.Equal(401, (await LoginAsync(user with { Password = "not the password" }, Firefox)).Status);

        await AssertMailsAsync(0, user, address);
    }

    [Fact]
    public async Task The_text_of_a_program_does_not_reach_the_mail()
    {
        var (user, address) = await SignUpAsync();

        await LoginAsync(user, "Call +1 555 0100 or visit https://evil.example/ <b>now</b>");

        var mail = await mesh.Mails.NextAsync(address, Subject);
        Assert.Contains("an unknown program", mail.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("evil", mail.Text + mail.Html, StringComparison.Ordinal);
    }

    private async Task<(SignedIn User, string Address)> SignUpAsync()
    {
        var (user, address) = (await mesh.Gateway.SignUpAsync(), EmailCalls.NewAddress());
        await mesh.Database.ProveAsync(user.UserId, address);
        await mesh.Database.ExecuteAsync("UPDATE users SET email_verified_at = now() - interval '1 hour' WHERE id = $1", user.UserId);
        return (user, address);
    }

    private Task<Answer> LoginAsync(SignedIn user, string program, string? cookie = null) => mesh.Gateway.SendAsync(
        HttpMethod.Post, "/login", JsonContent.Create(new { username = user.Username, password = user.Password }),
        request =>
        {
            Assert.True(request.Headers.TryAddWithoutValidation("User-Agent", program));
            if (cookie is not null)
            {
                request.Headers.Add("Cookie", cookie);
            }
        });

    /// <summary>The worker sends mails in their order, so one more mail shows that no other is on its way.</summary>
    private async Task AssertMailsAsync(int count, SignedIn user, string address)
    {
        await LoginAsync(user, "curl/8.0");
        await Patience.UntilAsync(() => mesh.Mails.To(address).Any(mail => mail.Text.Contains("curl", StringComparison.Ordinal)));
        Assert.Equal(count + 1, mesh.Mails.To(address).Count(mail => mail.Subject == Subject));
    }
}
