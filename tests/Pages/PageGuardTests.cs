using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Pages;

/// <summary>Which requests a page takes, and what its answers forbid.</summary>
[Collection<OnPages>]
public sealed class PageGuardTests(PagesMesh mesh)
{
    private const string ContentSecurityPolicy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
        + "frame-ancestors 'none'; base-uri 'none'";

    [Theory]
    [InlineData("/signin", 200, "unsafe-none")] // an authorization may pass through it, in a window that an application opened
    [InlineData("/signup", 200, "unsafe-none")]
    [InlineData("/me", 303, "same-origin")]
    [InlineData("/", 303, "same-origin")]
    public async Task Every_answer_has_the_security_headers(string path, int status, string openerPolicy)
    {
        var answer = await mesh.Visit().GetAsync(path);

        Assert.Equal(status, answer.Status);
        Assert.Equal(ContentSecurityPolicy, answer.Header("Content-Security-Policy"));
        Assert.Equal("same-origin", answer.Header("Referrer-Policy"));
        Assert.Equal(openerPolicy, answer.Header("Cross-Origin-Opener-Policy"));
        Assert.Equal("publickey-credentials-get=(self), publickey-credentials-create=(self)", answer.Header("Permissions-Policy"));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        Assert.Equal("nosniff", answer.Header("X-Content-Type-Options"));
    }

    public static TheoryData<string, int> Senders => new()
    {
        { "Origin=own; Sec-Fetch-Site=same-origin; Sec-Fetch-Mode=navigate; Sec-Fetch-Dest=document", 401 },
        { "Sec-Fetch-Site=same-origin", 401 },
        { "Sec-Fetch-Site=none", 401 },
        { "Origin=own", 401 }, // an old browser, or plain http
        { "", 403 },
        { "Origin=null", 403 },
        { "Origin=https://elsewhere.example", 403 },
        { "Origin=https://elsewhere.example; Sec-Fetch-Site=cross-site; Sec-Fetch-Mode=navigate", 403 },
        { "Origin=own; Sec-Fetch-Site=same-site", 403 },
        { "Sec-Fetch-Site=same-origin; Sec-Fetch-Site=same-origin", 403 },
        { "Origin=own; Origin=own", 403 },
        { "Origin=own; Sec-Fetch-Site=same-origin; Sec-Fetch-Mode=cors", 403 }, // a script of a service on this origin
        { "Origin=own; Sec-Fetch-Site=same-origin; Sec-Fetch-Mode=no-cors", 403 },
        { "Origin=own; Sec-Fetch-Site=same-origin; Sec-Fetch-Mode=navigate; Sec-Fetch-Dest=iframe", 403 },
    };

    [Theory]
    [MemberData(nameof(Senders))]
    public async Task A_form_is_taken_from_our_own_pages_alone(string headers, int status)
    {
        var answer = await mesh.Visit().PostAsync(
            "/signin",
            request =>
            {
                foreach (var header in headers.Split("; ", StringSplitOptions.RemoveEmptyEntries))
                {
                    var (name, value) = header.Split('=', 2) is [var left, var right] ? (left, right) : ("", "");
                    request.Headers.TryAddWithoutValidation(name, value == "own" ? mesh.Origin : value);
                }
            },
            ("username", "nobody"), ("password", "not the password"));

        Assert.Equal(status, answer.Status); // 401: the form was read
    }

    [Theory]
    [InlineData("application/x-www-form-urlencoded", 401)]
    [InlineData("application/x-www-form-urlencoded; charset=UTF-8", 401)]
    [InlineData("application/x-www-form-urlencoded; charset=iso-8859-1", 415)]
    [InlineData("application/json", 415)]
    [InlineData("multipart/form-data; boundary=x", 415)]
    [InlineData("text/plain", 415)]
    public async Task A_form_has_one_content_type(string contentType, int status) => Assert.Equal(
        status, (await mesh.Visit().PostRawAsync(
            "/signin", Encoding.UTF8.GetBytes("username=nobody&password=not+the+password"), contentType)).Status);

    [Theory]
    [InlineData("/me")]
    [InlineData("/me/security")]
    [InlineData("/me/security/password")]
    [InlineData("/me/security/authenticator")]
    [InlineData("/me/security/recovery-codes")]
    [InlineData("/me/sessions")]
    [InlineData("/me/delete")]
    [InlineData("/confirm")]
    public async Task A_page_of_an_account_leads_anonymous_people_to_the_sign_in_and_back(string path)
    {
        var location = "/signin?return=" + Uri.EscapeDataString(path);
        var shown = await mesh.Visit().GetAsync(path);
        var sent = await mesh.Visit().PostAsync(path);

        Assert.Equal((303, location), (shown.Status, shown.Header("Location")));
        Assert.Equal((303, location), (sent.Status, sent.Header("Location")));
        var (visitor, _) = await mesh.SignUpAsync();
        Assert.Equal(200, (await visitor.GetAsync(path)).Status);
    }

    [Fact]
    public async Task A_form_that_is_sent_after_the_session_ended_leads_to_the_sign_in_and_clears_the_cookie()
    {
        var (visitor, name) = await mesh.SignUpAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET ended_at = now() FROM users u WHERE u.id = user_id AND u.username = $1", name);

        var sent = await visitor.PostAsync("/me", ("language", "ja"));
        var shown = await visitor.GetAsync("/signin");

        Assert.Equal((303, "/signin?return=%2Fme"), (sent.Status, sent.Header("Location")));
        Assert.Equal(200, shown.Status); // and not a circle
    }
}
