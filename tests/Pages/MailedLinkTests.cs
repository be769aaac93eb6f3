using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Pages;

/// <summary>The pages behind the links of mails.</summary>
[Collection<OnPages>]
public sealed class MailedLinkTests(PagesMesh mesh)
{
    private const string Next = "another password for a test";

    [Theory]
    [InlineData("/reset", "PasswordReset")]
    [InlineData("/invitation", "Invitation")]
    public async Task A_link_sets_a_password_once_and_leaves_its_token_in_no_address(string path, string purpose)
    {
        var (_, name) = await mesh.SignUpAsync();
        var link = await mesh.LinkAsync(path, purpose, name);
        var visitor = mesh.Visit();

        // 1. Opening it, even often, moves the token into a cookie and uses nothing up.
        var opened = await visitor.GetAsync(link);
        Assert.Equal((303, path), (opened.Status, opened.Header("Location")));
        Assert.Contains("httponly", opened.Header("Set-Cookie"), StringComparison.OrdinalIgnoreCase);
        Assert.Equal(303, (await mesh.Visit().GetAsync(link)).Status);
        var form = await visitor.GetAsync(path);
        Assert.Contains(name, form.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(link.Split('=')[1], form.Text, StringComparison.Ordinal);

        // 2. A bad password is explained, and the link stays good.
        var refused = await visitor.PostAsync(path, ("account", name), ("new_password", "short"));
        Assert.Equal(400, refused.Status);
        Assert.Contains("New password must be 8 to 256 characters long.", refused.Text, StringComparison.Ordinal);

        // 3. A good one is set. Nobody is signed in.
        var set = await visitor.PostAsync(path, ("account", name), ("new_password", Next));
        Assert.Equal((303, "/signin?done=reset"), (set.Status, set.Header("Location")));
        Assert.Equal(303, (await visitor.GetAsync("/me")).Status);
        Assert.Equal(401, (await mesh.Gateway.LoginAsync(name, PagesMesh.Password)).Status);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(name, Next)).Status);

        // 4. The link is dead.
        Assert.Equal(303, (await visitor.GetAsync(link)).Status);
        Assert.Equal(400, (await visitor.GetAsync(path)).Status);
        Assert.Equal(400, (await visitor.PostAsync(path, ("account", name), ("new_password", Next))).Status);
    }

    [Theory]
    [InlineData("/reset", "/forgot")]
    [InlineData("/reset?token=", "/forgot")]
    [InlineData("/reset?token=abc", "/forgot")]
    [InlineData("/reset?token=a%3Bb%0D%0ASet-Cookie:x", "/forgot")]
    [InlineData("/reset?token=a&token=b", "/forgot")]
    [InlineData("/invitation", "/forgot")]
    [InlineData("/verify-email?token=aaaaaaaaaaaaaaaaaaaaaaaaaa", "/me/email")]
    public async Task A_link_that_does_not_count_says_so_and_where_a_new_one_comes_from(string link, string again)
    {
        var visitor = mesh.Visit();
        var answer = await visitor.GetAsync(link);
        if (answer.Status == 303)
        {
            answer = await visitor.GetAsync(link.Split('?')[0]);
        }

        Assert.Equal(400, answer.Status);
        Assert.Contains("This link no longer works", answer.Text, StringComparison.Ordinal);
        Assert.Contains($"href=\"{again}\"", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_is_given_at_the_sign_up_and_proved_by_its_mail()
    {
        var (visitor, name) = (mesh.Visit(), ProductionMesh.NewName());
        var address = name + "@example.test";
        (string, string)[] form = [("username", name), ("password", PagesMesh.Password)];

        var refused = await visitor.PostAsync("/signup", [.. form, ("email", "<nonsense>")]);
        Assert.Equal(400, refused.Status);
        Assert.Contains(
            "id=\"email-error\">Enter an address such as name@example.com", refused.Text, StringComparison.Ordinal);
        Assert.Contains(
            "name=\"email\" type=\"email\" autocomplete=\"email\" value=\"&lt;nonsense&gt;\"", refused.Text, StringComparison.Ordinal);

        Assert.Equal(303, (await visitor.PostAsync("/signup", [.. form, ("email", address)])).Status);
        var mail = await new MailFolder(mesh.Mesh.MailFolder).NextAsync(address);
        Assert.Equal(303, (await visitor.GetAsync(mail.Link.PathAndQuery)).Status);
        var proved = await visitor.PostAsync("/verify-email", ("account", name), ("action", "verify"));
        Assert.Equal((303, "/me?done=email-verified"), (proved.Status, proved.Header("Location")));
        Assert.Equal(address, await mesh.Database.ScalarAsync<string>("SELECT email FROM users WHERE username = $1", name));
    }

    [Fact]
    public async Task An_address_is_proved_by_its_account_alone()
    {
        var (owner, name) = await mesh.SignUpAsync();
        var address = name + "@example.test";
        var link = await mesh.ClaimAsync(name, address);

        // 1. A session of another account does not count: the page asks for the password of the account that it names.
        var (other, _) = await mesh.SignUpAsync();
        await other.GetAsync(link);
        var asked = await other.GetAsync("/verify-email");
        Assert.Contains($"The account {name} says that {address} is its address.", asked.Text, StringComparison.Ordinal);
        Assert.Contains("type=\"password\"", asked.Text, StringComparison.Ordinal);
        Assert.Equal(403, (await other.PostAsync(
            "/verify-email", ("account", name), ("password", "not the password"), ("action", "verify"))).Status);

        // 2. Its own session is enough.
        await owner.GetAsync(link);
        Assert.DoesNotContain("type=\"password\"", (await owner.GetAsync("/verify-email")).Text, StringComparison.Ordinal);
        var proved = await owner.PostAsync("/verify-email", ("account", name), ("action", "verify"));
        Assert.Equal((303, "/me?done=email-verified"), (proved.Status, proved.Header("Location")));
        Assert.Contains(address, (await owner.GetAsync("/me")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_owner_of_a_mailbox_drops_the_claim_of_somebody_elses_account()
    {
        var (_, name) = await mesh.SignUpAsync();
        var link = await mesh.ClaimAsync(name, name + "@example.test");
        var visitor = mesh.Visit();
        await visitor.GetAsync(link);

        var dropped = await visitor.PostAsync("/verify-email", ("account", name), ("password", ""), ("action", "disown"));

        Assert.Equal((303, "/signin?done=disowned"), (dropped.Status, dropped.Header("Location")));
        Assert.True(await mesh.Database.ScalarAsync<bool>("SELECT requested_email IS NULL FROM users WHERE username = $1", name));
    }

    [Theory]
    [InlineData("/reset", "PasswordReset")]
    [InlineData("/verify-email", "VerifyEmail")]
    public async Task A_form_acts_for_the_account_that_its_page_named_and_for_no_link_that_was_opened_since(string path, string purpose)
    {
        var ((_, first), (_, second)) = (await mesh.SignUpAsync(), await mesh.SignUpAsync());
        var visitor = mesh.Visit();
        foreach (var name in (string[])[first, second])
        {
            var link = purpose == "VerifyEmail" ? await mesh.ClaimAsync(name, name + "@example.test")
                : await mesh.LinkAsync(path, purpose, name);
            Assert.Equal(303, (await visitor.GetAsync(link)).Status);
        }

        var crossed = purpose == "VerifyEmail"
            ? await visitor.PostAsync(path, ("account", first), ("password", ""), ("action", "disown"))
            : await visitor.PostAsync(path, ("account", first), ("new_password", Next));

        Assert.Equal(400, crossed.Status);
        Assert.Contains("This link no longer works", crossed.Text, StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(second, PagesMesh.Password)).Status);
        Assert.Equal(2, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM account_proofs p JOIN users u ON u.id = p.user_id WHERE u.username IN ($1, $2)", first, second));
    }

    [Fact]
    public async Task A_reset_lists_all_passkeys_and_removes_new_ones_unless_a_tick_is_taken_away()
    {
        var (_, name) = await mesh.SignUpAsync();
        await mesh.AddPasskeysAsync(name, 15);
        await mesh.AddPasskeysAsync(name, 5, daysAgo: 31);
        var visitor = mesh.Visit();
        await visitor.GetAsync(await mesh.LinkAsync("/reset", "PasswordReset", name));
        var boxes = Regex.Matches((await visitor.GetAsync("/reset")).Text, "name=\"(remove_[^\"]+)\" value=\"on\"( checked)?").ToArray();
        Assert.Equal(
            [.. Enumerable.Repeat(true, 15), .. Enumerable.Repeat(false, 5)], boxes.Select(box => box.Groups[2].Success)); // new ones first

        // Without the tick of a new one, and with that of an old one.
        var ticked = boxes[1..16].Select(box => (box.Groups[1].Value, "on"));
        var set = await visitor.PostAsync("/reset", [("account", name), ("new_password", Next), .. ticked]);

        Assert.Equal(303, set.Status);
        Assert.Equal(5, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM passkeys p JOIN users u ON u.id = p.user_id WHERE u.username = $1", name));
    }

    [Fact]
    public async Task A_forgotten_password_gets_one_answer_for_every_text()
    {
        var (_, name) = await mesh.SignUpAsync();
        foreach (var text in new[] { name, "nobody", "nobody@example.test", "שלום", "<b>" })
        {
            var answer = await mesh.Visit().PostAsync("/forgot", ("account", text));

            Assert.Equal((303, "/forgot?done=forgot"), (answer.Status, answer.Header("Location")));
        }

        Assert.Equal(400, (await mesh.Visit().PostAsync("/forgot", ("account", ""))).Status);
    }

    [Fact]
    public async Task A_new_address_is_asked_for_and_removed()
    {
        var (visitor, name) = await mesh.SignUpAsync();

        var asked = await visitor.PostAsync("/me/email", ("email", name + "@example.test"), ("action", "change"));
        Assert.Equal((303, "/me?done=email-requested"), (asked.Status, asked.Header("Location")));
        Assert.Contains("Not confirmed", (await visitor.GetAsync("/me")).Text, StringComparison.Ordinal);
        Assert.Equal(400, (await visitor.PostAsync("/me/email", ("email", "nonsense"), ("action", "change"))).Status);

        var removed = await visitor.PostAsync("/me/email", ("action", "remove"));
        Assert.Equal((303, "/me?done=email-removed"), (removed.Status, removed.Header("Location")));
        Assert.DoesNotContain("Not confirmed", (await visitor.GetAsync("/me")).Text, StringComparison.Ordinal);
    }
}
