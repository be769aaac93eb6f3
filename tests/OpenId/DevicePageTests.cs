using AuthMesh.Identity.OpenId;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.OpenId;

/// <summary>The page on which a person allows what a device asks for. Somebody else may have sent the code (RFC 8628 §5.4).</summary>
public sealed class DevicePageTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_page_says_which_application_asks_for_what_and_where_it_runs_and_warns()
    {
        var client = await AddClientAsync("<b>Television</b>");
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/device_authorization",
            new FormUrlEncodedContent([new("client_id", client.ClientId), new("scope", "openid mesh account.read")]),
            request => request.Headers.UserAgent.ParseAdd("authmesh/1.0.0"));

        var page = (await visitor.TypeCodeAsync(begun.UserCode())).Text;

        Assert.All(
            [
                "&lt;b&gt;Television&lt;/b&gt;", username, begun.UserCode(), "Know that it is you", "Act as you in all services",
                "See your account", "<dd>authmesh</dd>", "Did somebody send you this code", "value=\"refuse\"",
            ],
            text => Assert.Contains(text, page, StringComparison.Ordinal));
        Assert.Matches("<dd>(127\\.0\\.0\\.1|::1)</dd>", page);
        Assert.DoesNotContain("not the network", page, StringComparison.Ordinal);
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");
    }

    [Fact]
    public async Task A_device_in_another_network_is_pointed_out_and_its_own_words_are_not_shown()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/device_authorization", new FormUrlEncodedContent([new("client_id", client.ClientId)]),
            request => request.Headers.TryAddWithoutValidation("User-Agent", "Support asks you to allow this"));
        Assert.Equal(1, await mesh.Database.ExecuteAsync(
            "UPDATE device_authorizations SET network = '203.0.113.7' WHERE application_id = $1", client.Id));

        var page = (await visitor.TypeCodeAsync(begun.UserCode())).Text;

        Assert.Contains("203.0.113.7 (not the network that you are in now)", page, StringComparison.Ordinal);
        Assert.Contains("Unknown device", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Support", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_decision_counts_for_nobody_but_whom_the_page_asked()
    {
        var client = await AddClientAsync();
        var (visitor, asked) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        Assert.Contains(
            $"name=\"account\" value=\"{asked}\"", (await visitor.TypeCodeAsync(begun.UserCode())).Text, StringComparison.Ordinal);
        var other = await visitor.BecomeAnotherAsync();

        var again = await visitor.PostAsync("/device", ("user_code", begun.UserCode()), ("account", asked), ("decision", "allow"));

        Assert.Equal(200, again.Status);
        Assert.Contains($"name=\"account\" value=\"{other}\"", again.Text, StringComparison.Ordinal);
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");
    }

    [Fact]
    public async Task A_link_fills_in_the_code_and_does_nothing_else()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        var before = await mesh.Database.DumpDeviceAsync(begun);

        foreach (var query in (string[])["", "&decision=allow", "&done=device-allowed"])
        {
            var page = await visitor.GetAsync($"/device?user_code={begun.UserCode()}{query}");
            Assert.Equal(200, page.Status);
            Assert.DoesNotContain(client.ClientId, page.Text, StringComparison.Ordinal); // what it asks for comes after a press
            Assert.Equal(
                query != "&done=device-allowed", page.Text.Contains($"value=\"{begun.UserCode()}\"", StringComparison.Ordinal));
        }

        Assert.Equal(before, await mesh.Database.DumpDeviceAsync(begun));
        Assert.Contains("Compare it", (await visitor.GetAsync($"/device?user_code={begun.UserCode()}")).Text, StringComparison.Ordinal);
        Assert.Contains("8 letters", (await visitor.GetAsync("/device?user_code=%3Cb%3E")).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Only_the_forms_of_this_page_allow_anything()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        (string, string)[] form = [("user_code", begun.UserCode()), ("decision", "allow")];

        foreach (var origin in (string[])["https://elsewhere.example", "null"])
        {
            var foreign = await visitor.PostAsync(
                "/device",
                request =>
                {
                    request.Headers.Add("Origin", origin);
                    request.Headers.Add("Sec-Fetch-Site", "cross-site");
                },
                form);
            Assert.Equal(403, foreign.Status);
        }

        Assert.Equal(400, (await visitor.PostAsync("/device", ("user_code", begun.UserCode()), ("decision", "yes"))).Status);
        Assert.Equal(400, (await visitor.PostAsync("/device", ("decision", "allow"))).Status);
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");
        var headers = await visitor.GetAsync("/device");
        Assert.Contains("frame-ancestors 'none'", headers.Header("Content-Security-Policy"), StringComparison.Ordinal);
        await visitor.AllowAsync(begun);
    }

    [Fact]
    public async Task Nobody_but_a_person_signed_in_by_cookie_decides()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        var user = await mesh.Gateway.SignUpAsync();
        await visitor.AllowAsync(await mesh.Gateway.BeginDeviceAsync(client));

        foreach (var token in (string[])[user.Token, await ApplicationTokenAsync()])
        {
            var stranger = new Visitor(mesh.Gateway, ProductionMesh.Issuer);
            var answer = await stranger.PostAsync(
                "/device",
                request =>
                {
                    stranger.FromOwnPage(request);
                    request.Headers.Authorization = new("Bearer", token);
                },
                ("user_code", begun.UserCode()), ("decision", "allow"));
            Assert.Equal(303, answer.Status);
            Assert.StartsWith("/signin?return=", answer.Header("Location"), StringComparison.Ordinal);
        }

        // Behind the gateway, an application's token is nobody either.
        var inside = await mesh.Identity.SendAsync(
            HttpMethod.Post, "/device",
            new FormUrlEncodedContent([new("user_code", begun.UserCode()), new("decision", "allow")]), await FromPageAsync());
        Assert.Equal(303, inside.Status);
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");

        async Task<Action<HttpRequestMessage>> FromPageAsync()
        {
            var token = await ApplicationTokenAsync();
            return request =>
            {
                request.Headers.Add("Origin", ProductionMesh.Issuer);
                request.Headers.Authorization = new("Bearer", token);
            };
        }

        async Task<string> ApplicationTokenAsync()
        {
            var own = await mesh.Gateway.BeginDeviceAsync(client);
            await visitor.AllowAsync(own);
            return (await mesh.Gateway.AskAsync(client, own)).Member("access_token")!;
        }
    }

    [Fact]
    public async Task Somebody_who_is_not_signed_in_comes_back_with_the_code()
    {
        var (username, password, _) = await mesh.SignUpAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(await AddClientAsync());
        var visitor = new Visitor(mesh.Gateway, ProductionMesh.Issuer);
        var expected = $"/signin?return=%2Fdevice%3Fuser_code%3D{begun.UserCode()}";

        Assert.Equal(expected, (await visitor.GetAsync($"/device?user_code={begun.UserCode()}")).Header("Location"));
        Assert.Equal(expected, (await visitor.DecideAsync(begun, "allow")).Header("Location"));
        Assert.Equal(
            "/signin?return=%2Fdevice", (await visitor.GetAsync("/device?user_code=" + new string('B', 2_000))).Header("Location"));
        var signedIn = await visitor.PostAsync(
            "/signin", ("username", username), ("password", password), ("return", $"/device?user_code={begun.UserCode()}"));

        Assert.Equal($"/device?user_code={begun.UserCode()}", signedIn.Header("Location"));
        Assert.Contains(begun.UserCode(), (await visitor.GetAsync(signedIn.Header("Location")!)).Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{0}{1}")]
    [InlineData(" {0} {1} ")]
    [InlineData("{0}–{1}")] // a dash that a phone makes of the hyphen
    [InlineData("{0}-\u3000{1}")]
    public async Task Case_spaces_and_hyphens_of_a_code_do_not_matter(string form)
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        var (left, right) = (begun.UserCode()[..4], begun.UserCode()[5..]);

        var page = await visitor.TypeCodeAsync(string.Format(null, form, left.ToLowerInvariant(), right));

        Assert.Contains($"value=\"{begun.UserCode()}\"", page.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("wdjb-mjht", "WDJBMJHT")]
    [InlineData("ＷＤＪＢ－ｍｊｈｔ", "WDJBMJHT")]
    [InlineData("WDJBMJHT\t", "WDJBMJHT")]
    [InlineData("WDJBMJH", null)]
    [InlineData("WDJBMJHTB", null)]
    [InlineData("WDJBMJHA", null)] // no vowel
    [InlineData("WDJBMJH0", null)]
    [InlineData("WDJB_MJHT", null)]
    [InlineData("", null)]
    [InlineData(null, null)]
    public void A_code_has_eight_of_twenty_letters(string? typed, string? code) => Assert.Equal(code, UserCode.TryParse(typed));

    [Fact]
    public void A_new_code_can_be_typed_and_differs_each_time()
    {
        var codes = Enumerable.Range(0, 1_000).Select(_ => UserCode.Create()).ToList();

        Assert.Equal(1_000, codes.Distinct().Count());
        Assert.All(codes, code => Assert.Equal(code, UserCode.TryParse(UserCode.Show(code).ToLowerInvariant())));
        Assert.Equal("BCDFGHJKLMNPQRSTVWXZ", string.Concat(codes.SelectMany(code => code).Distinct().Order()));
    }

    [Fact]
    public async Task An_application_that_needs_no_consent_is_asked_about_here_each_time()
    {
        var client = await AddClientAsync(); // first-party, require_consent is false
        var (visitor, _) = await mesh.VisitSignedInAsync();
        await visitor.AllowAsync(await mesh.Gateway.BeginDeviceAsync(client));
        var begun = await mesh.Gateway.BeginDeviceAsync(client);

        await visitor.TypeCodeAsync(begun.UserCode());

        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");
    }

    [Fact]
    public async Task The_end_of_the_way_says_what_was_decided()
    {
        var (visitor, _) = await mesh.VisitSignedInAsync();

        Assert.Contains("Your device is connected", (await visitor.GetAsync("/device?done=device-allowed")).Text, StringComparison.Ordinal);
        Assert.Contains("somebody tried", (await visitor.GetAsync("/device?done=device-refused")).Text, StringComparison.Ordinal);
        Assert.Contains("name=\"user_code\"", (await visitor.GetAsync("/device?done=other")).Text, StringComparison.Ordinal);
    }

    private async Task<RegisteredClient> AddClientAsync(string? name = null) => await mesh.Gateway.AddDeviceClientAsync(
        await mesh.AdminTokenAsync(),
        name is null ? null : new { name, grants = (string[])[DeviceCalls.Grant, "refresh_token"] });
}
