using System.Net;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Pages;

/// <summary>A malformed form gets its page back with an error in words, and never a 500.</summary>
[Collection<OnPages>]
public sealed class FormTests(PagesMesh mesh)
{
    private const string Fine = "a password for a test";

    private static readonly (string Path, string[] Fields)[] Forms =
    [
        ("/signin", ["username", "password", "return"]), ("/signup", ["username", "password"]), ("/me", ["language"]),
        ("/me/security/password", ["current_password", "new_password"]), ("/me/delete", ["current_password"]),
        ("/confirm", ["password", "code", "use", "proved", "return"]), ("/me/sessions", ["session"]),
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

    public static TheoryData<string> Paths => [.. Forms.Select(form => form.Path)];

    [Theory]
    [MemberData(nameof(OddForms))]
    public async Task An_odd_value_in_any_field_is_refused_in_words_and_never_becomes_markup(string path, string odd)
    {
        var (visitor, _) = await mesh.SignUpAsync();
        foreach (var field in Forms.Single(form => form.Path == path).Fields)
        {
            var answer = await visitor.PostAsync(path, (field, Odd[odd]));

            Assert.True(answer.Status is 200 or 303 or (>= 400 and < 500), $"{field}: {answer.Status}");
            Assert.DoesNotContain("<script>alert", answer.Text, StringComparison.Ordinal);
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
        var (visitor, _) = await mesh.SignUpAsync();
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
}
