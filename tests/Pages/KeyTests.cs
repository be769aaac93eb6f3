using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Pages;

/// <summary>Keys for scripts on their page, without a browser: it has no script of its own.</summary>
[Collection<OnPages>]
public sealed class KeyTests(PagesMesh mesh)
{
    private const string Path = "/me/security/keys";

    [Fact]
    public async Task A_key_is_created_shown_once_used_and_deleted()
    {
        var (visitor, _) = await mesh.SignUpAsync();

        var made = await visitor.PostAsync(
            Path, ("name", "<b>nightly</b>"), ("scopes", " account.read\tother "), ("expires_in_days", "30"));
        Assert.Equal(200, made.Status);
        Assert.Equal("no-store", made.Header("Cache-Control"));
        var key = made.Text[made.Text.IndexOf("am_", StringComparison.Ordinal)..][..52];
        Assert.Contains("&lt;b&gt;nightly&lt;/b&gt;", made.Text, StringComparison.Ordinal);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/account", key)).Status);

        var list = await visitor.GetAsync(Path);
        Assert.DoesNotContain(key, list.Text, StringComparison.Ordinal);
        Assert.Contains("account.read other", list.Text, StringComparison.Ordinal);
        var keys = (await mesh.Gateway.GetAsync("/account/keys", key)).Json.GetProperty("keys");
        var id = Assert.Single(keys.EnumerateArray()).GetProperty("id").GetString()!;

        var deleted = await visitor.PostAsync(Path, ("key", id));
        Assert.Equal((303, Path + "?done=key-deleted"), (deleted.Status, deleted.Header("Location")));
        Assert.Contains("The key is deleted.", (await visitor.GetAsync(Path + "?done=key-deleted")).Text, StringComparison.Ordinal);
        await Patience.UntilAsync(async () => (await mesh.Gateway.GetAsync("/account", key)).Status == 401);
        var again = await visitor.PostAsync(Path, ("key", id));
        Assert.Equal(404, again.Status);
        Assert.Contains("That key is already gone.", again.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "mesh", "90", "Name must be 1 to 64 characters long, all of them visible.")]
    [InlineData("x", "", "90", "Enter 1 to 16 scopes.")]
    [InlineData("x", "a,b", "90", "A scope has 1 to 64 letters, digits or . _ - : / and begins with a letter or digit.")]
    [InlineData("x", "mesh mesh", "90", "Enter each scope once.")]
    [InlineData("x", "mesh", "9999", "Choose a number from 1 to 366.")]
    [InlineData("x", "mesh", "soon", "Choose a number from 1 to 366.")]
    [InlineData("x", "mesh", "99999999999", "Choose a number from 1 to 366.")]
    public async Task A_refused_form_says_why_at_the_field_and_keeps_what_was_typed(string name, string scopes, string days, string said)
    {
        var (visitor, _) = await mesh.SignUpAsync();

        var refused = await visitor.PostAsync(Path, ("name", name), ("scopes", scopes), ("expires_in_days", days));

        Assert.Equal(400, refused.Status);
        Assert.Contains(said, refused.Text, StringComparison.Ordinal);
        Assert.Contains($"value=\"{scopes}\"", refused.Text, StringComparison.Ordinal);
        Assert.Contains("class=\"error\"", refused.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("am_0", refused.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_page_demands_a_recent_proof()
    {
        var (visitor, name) = await mesh.SignUpAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET methods = '{\"pwd\": 1}' FROM users u WHERE u.id = user_id AND u.username = $1", name);

        foreach (var answer in new[] { await visitor.GetAsync(Path), await visitor.PostAsync(Path, ("name", "x"), ("scopes", "mesh")) })
        {
            Assert.Equal((303, "/confirm?return=%2Fme%2Fsecurity%2Fkeys"), (answer.Status, answer.Header("Location")));
        }

        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM sessions JOIN users u ON u.id = user_id WHERE kind = 'key' AND u.username = $1", name));
    }
}
