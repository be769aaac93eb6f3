using System.Net;
using System.Text.RegularExpressions;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Pages;

/// <summary>A malformed form gets its page back with an error in words, and never a 500.</summary>
[Collection<OnPages>]
public sealed partial class FormTests(PagesMesh mesh)
{
    private const string Fine = "a password for a test", SignOut = "/signout"; // which reads no field

    private static readonly (string Path, string[] Fields)[] Forms =
    [
        ("/signin", ["username", "password", "return"]), ("/signup", ["username", "password", "email"]), ("/me", ["language"]),
        ("/signin/second-factor", ["code", "recovery_code", "trust", "use", "return"]), ("/forgot", ["account"]),
        ("/reset", ["account", "new_password"]), ("/invitation", ["account", "new_password"]),
        ("/verify-email", ["account", "password", "action"]), ("/me/email", ["email", "action"]), (SignOut, ["unknown"]),
        ("/me/security/passkeys", ["name", "passkey", "action"]), ("/me/security/recovery-codes", ["unknown"]),
        ("/me/security/password", ["current_password", "new_password"]), ("/me/delete", ["current_password"]),
        ("/confirm", ["password", "code", "use", "proved", "return"]), ("/me/sessions", ["session"]), ("/me/applications", ["application"]),
        ("/me/security/authenticator", ["action", "code", "uri"]), ("/me/security", ["action"]),
    ];

    private static readonly Dictionary<string, string> Odd = new()
    {
        ["empty"] = "", ["huge"] = new string('x', 5000), ["NUL"] = "a\0b", ["right to left"] = "שלום\u202Eabc",
        ["emoji"] = "🦊🦊🦊🦊🦊🦊🦊🦊",
        ["HTML"] = "\"><script>alert(1)</script>", ["quotes"] = "'\"`${{1}}", ["line breaks"] = "a\r\nSet-Cookie: b=c",
        ["control characters"] = "a\u0001\u001b[31m", ["noncharacters"] = "\uFFFE\uFFFF",
    };

    public static TheoryData<string, string> OddForms =>
        [.. from form in Forms from odd in Odd.Keys select new TheoryDataRow<string, string>(form.Path, odd)];

    public static TheoryData<string> Paths => [.. Forms.Select(form => form.Path).Where(path => path != SignOut)];

    [Theory]
    [MemberData(nameof(OddForms))]
    public async Task An_odd_value_in_any_field_is_refused_in_words_and_never_becomes_markup(string path, string odd)
    {
        var (visitor, others) = await ComeToAsync(path);
        foreach (var field in Forms.Single(form => form.Path == path).Fields)
        {
            var answer = await visitor.PostAsync(path, [.. others.Where(other => other.Name != field), (field, Odd[odd])]);

            Assert.True(answer.Status is 200 or 303 or (>= 400 and < 500), $"{field}: {answer.Status}");
            Assert.DoesNotContain("<script>alert", answer.Text, StringComparison.Ordinal);
            Assert.True(answer.Status is 200 or 303 || Words().IsMatch(answer.Text), $"{field}: {answer.Status} without a word");
            if (answer.Status == 303)
            {
                break; // the form did what it is for; the session may be gone
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task A_doubled_unknown_or_damaged_field_is_refused(string path)
    {
        var (visitor, _) = await ComeToAsync(path);
        var field = Forms.Single(form => form.Path == path).Fields[0];

        string[] damaged = [$"{field}=a&{field}=b", "unknown=1", $"{field}=%zz", $"{field}=%ff", $"{field}=%ed%a0%80", field, "=1", "&"];
        foreach (var body in damaged)
        {
            var answer = await visitor.PostRawAsync(path, body);

            Assert.Equal((400, true), (answer.Status, answer.Text.Contains("The form arrived damaged", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task What_was_typed_is_shown_again_except_secrets()
    {
        var answer = await mesh.Visit().PostAsync("/signup", ("username", "<b>näme"), ("password", "short"));
        var text = WebUtility.HtmlDecode(answer.Text);

        Assert.Equal(400, answer.Status);
        Assert.Contains("value=\"<b>näme\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>näme", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("short\"", text, StringComparison.Ordinal);
        Assert.Contains("Use 3 to 64 letters, digits or . _ - @ +", text, StringComparison.Ordinal);
        Assert.Contains("Password must be 8 to 256 characters long.", text, StringComparison.Ordinal);
        Assert.Contains("aria-describedby=\"username-error username-hint\"", text, StringComparison.Ordinal);
        Assert.Contains("<title>Error – ", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_that_is_sent_twice_does_its_work_once()
    {
        var visitor = mesh.Visit();
        var name = ProductionMesh.NewName();
        (string, string)[] form = [("username", name), ("password", Fine)];

        var answers = await Together.RunAsync(2, _ => visitor.PostAsync("/signup", form));

        Assert.Equal([303, 409], answers.Select(answer => answer.Status).Order());
        Assert.Contains(
            "This username is taken.", answers.Single(answer => answer.Status == 409).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_that_is_larger_than_any_form_is_refused_as_a_page()
    {
        var answer = await mesh.Visit().PostAsync("/signin", ("username", new string('x', 20_000)));

        Assert.Equal((413, "text/html"), (answer.Status, answer.ContentHeaders.ContentType?.MediaType));
    }

    [Fact]
    public async Task A_name_that_a_passkey_cannot_have_is_refused_in_its_row_alone()
    {
        var (visitor, others) = await ComeToAsync("/me/security/passkeys");
        var id = others.Single(other => other.Name == "passkey").Value;

        foreach (var name in (string[])["", new('x', 65), "a\u0001"])
        {
            var answer = await visitor.PostAsync(
                "/me/security/passkeys", [.. others.Where(other => other.Name != "name"), ("name", name)]);

            Assert.Equal(400, answer.Status);
            Assert.Single(Words().Matches(answer.Text));
            Assert.Matches(
                $"<p class=\"error\" id=\"name-{id}-error\">Name (is required|must be 1 to 64 characters long).</p>", answer.Text);
            Assert.Contains( // what was typed is kept
                $"name=\"name\" value=\"{name}\"", WebUtility.HtmlDecode(answer.Text), StringComparison.Ordinal);
        }
    }

    /// <summary>Somebody who may send the form, and the other fields that its page sends.</summary>
    private async Task<(Visitor Visitor, (string Name, string Value)[] Others)> ComeToAsync(string path)
    {
        var (visitor, name) = await mesh.SignUpAsync();
        switch (path)
        {
            case "/signin/second-factor":
                await TurnTotpOnAsync(visitor);
                visitor = mesh.Visit();
                Assert.Equal(303, (await visitor.PostAsync("/signin", ("username", name), ("password", Fine))).Status);
                return (visitor, []);
            case "/reset" or "/invitation":
                await visitor.GetAsync(await mesh.LinkAsync(path, path == "/reset" ? "PasswordReset" : "Invitation", name));
                return (visitor, [("account", name)]);
            case "/verify-email":
                await visitor.GetAsync(await mesh.ClaimAsync(name, name + "@example.test"));
                return (visitor, [("account", name)]);
            case "/me/security/passkeys":
                await mesh.AddPasskeysAsync(name, 2);
                var page = await visitor.GetAsync(path);
                return (visitor, [("action", "rename"), ("passkey", FirstPasskey().Match(page.Text).Groups[1].Value), ("name", "a name")]);
            default:
                return (visitor, []);
        }
    }

    private static async Task TurnTotpOnAsync(Visitor visitor)
    {
        const string Path = "/me/security/authenticator";
        var begun = await visitor.PostAsync(Path, ("action", "begin"));
        var code = PageStates.CodeNow(PageStates.FromBase32(Secret().Match(begun.Text).Groups[1].Value));
        Assert.Equal(200, (await visitor.PostAsync(Path, ("action", "confirm"), ("code", code))).Status);
    }

    // An error or an alert that is not hidden, or the page of a dead link.
    [GeneratedRegex("<p class=\"(error|alert)[^\"]*\"(?![^>]* hidden)[^>]*>[^<]|<h1>This link no longer works")]
    private static partial Regex Words();

    [GeneratedRegex("name=\"passkey\" value=\"([^\"]+)\"")]
    private static partial Regex FirstPasskey();

    [GeneratedRegex("class=\"secret\">([^<]+)<")]
    private static partial Regex Secret();
}
