using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthMesh.Identity.Mail;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using MimeKit;

namespace AuthMesh.Tests.Mail;

/// <summary>What the receiver reads, from the templates to the bytes that the SMTP server gets.</summary>
[Collection<OnMailDatabase>]
public sealed partial class MailTextTests(MailDatabase outbox) : IAsyncLifetime
{
    private static readonly string Templates = Path.Combine(Checkout.Root, "identity-service", "Mail", "Templates");

    public async ValueTask InitializeAsync() => await outbox.ResetAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    public static TheoryData<string, string> All =>
        [.. Enum.GetValues<MailKind>().SelectMany(kind => new[] { "en", "ja" }.Select(language => (kind.ToString(), language)))];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_mail_has_a_text_and_an_HTML_form_that_use_the_same_values_in_each_language(string kind, string language)
    {
        var name = MailTemplates.NameOf(Enum.Parse<MailKind>(kind));
        var english = Used($"{name}.en.txt");

        Assert.Equal(english, Used($"{name}.{language}.txt"));
        Assert.Equal(english, Used($"{name}.{language}.html").Union(["issuer", "product"]).Order(StringComparer.Ordinal));
        Assert.Superset(MailData.NamesOf(Enum.Parse<MailKind>(kind)).ToHashSet(), english.ToHashSet());
        Assert.Equal(MailData.HasLink(Enum.Parse<MailKind>(kind)), english.Contains("link"));
        var problems = new SettingProblems("Identity");
        MailTemplates.Check(Templates, problems); // the rules for a folder of one's own hold for our files
        Assert.True(problems.Result.Succeeded, problems.Result.FailureMessage);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Every_mail_is_complete(string kind, string language)
    {
        var names = MailData.NamesOf(Enum.Parse<MailKind>(kind));
        var data = string.Join(", ", names.Select(name => $"\"{name}\": \"{(name == "method" ? "passkey" : "some" + name)}\""));

        var (message, _) = await SendAsync(kind, $"{{{data}}}", language);

        Assert.All(
            new[] { message.Subject!, message.TextBody!, message.HtmlBody! },
            text => Assert.DoesNotMatch(@"[{}]{2}|  \b|passkey\b.*\bpasskey", text));
        Assert.All(
            names.Where(name => name != "method"), name => Assert.Contains("some" + name, message.TextBody, StringComparison.Ordinal));
        Assert.Contains("The Example", message.TextBody, StringComparison.Ordinal);
        Assert.Contains($"<html lang=\"{language}\">", message.HtmlBody, StringComparison.Ordinal);
        Assert.DoesNotMatch(@"<(img|script|link|style)\b|\bsrc=", message.HtmlBody!);
        Assert.True(message.HtmlBody!.Length < 4_000);
    }

    [Fact]
    public async Task A_mail_has_the_headers_of_an_automatic_one()
    {
        var (message, raw) = await SendAsync("PasswordReset", "{}");

        Assert.Equal(["text/plain", "text/html"], message.BodyParts.Select(part => part.ContentType.MimeType));
        Assert.Equal("\"The Example\" <no-reply@example.test>", message.From.ToString());
        Assert.Equal("help@example.test", message.ReplyTo.ToString());
        Assert.Equal(MailDatabase.Address, message.To.ToString());
        Assert.Equal("auto-generated", message.Headers["Auto-Submitted"]);
        Assert.Matches("^[0-9a-f]{32}@auth[.]example[.]test$", message.MessageId!);
        Assert.InRange(TimeProvider.System.GetUtcNow() - message.Date, TimeSpan.FromSeconds(-2), TimeSpan.FromMinutes(2));
        Assert.Contains($"\n{ProductionMesh.Issuer}/link?token=", message.TextBody!, StringComparison.Ordinal);
        Assert.Contains($"href=\"{ProductionMesh.Issuer}/link?token=", message.HtmlBody!, StringComparison.Ordinal);
        Assert.DoesNotContain(raw.Split("\r\n"), line => line.Length > 998); // RFC 5322 §2.1.1
    }

    [Fact]
    public async Task Japanese_arrives_as_Japanese_over_a_server_that_takes_seven_bits()
    {
        var (message, raw) = await SendAsync("SignInMethodAdded", """{"method": "totp"}""", "ja");

        Assert.Equal("The Example のサインイン方法が追加されました", message.Subject);
        Assert.Contains("次のものが追加されました: 認証アプリ", message.TextBody!, StringComparison.Ordinal);
        Assert.Contains("次のものが追加されました: 認証アプリ", message.HtmlBody!, StringComparison.Ordinal);
        Assert.DoesNotContain(raw, c => c > '~');
    }

    [Theory]
    [InlineData("de")]
    [InlineData("")]
    [InlineData("../../x")]
    public async Task A_language_without_templates_is_English(string language)
    {
        var (message, _) = await SendAsync("SignInMethodRemoved", """{"method": "passkey"}""", language);

        Assert.Contains("sign in to your account: a passkey.", message.TextBody!.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Contains("<html lang=\"en\">", message.HtmlBody!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("<b>x</b>")]
    [InlineData("\"><img src=x>")]
    [InlineData("{{link}}{{issuer}}")]
    [InlineData("x\r\nBcc: other@example.test\r\n\r\nNew body")]
    [InlineData("x\u2028\u0085\u202ey")]
    [InlineData("a\r\n.\r\nMAIL FROM:<x@x>")]
    public async Task Text_from_a_user_changes_neither_the_headers_nor_the_markup(string text)
    {
        using var folder = new OwnTemplates(("username_replaced.en.txt", "Your name {{old_username}}\n\nFrom {{old_username}}."));

        var (message, _) = await SendAsync(
            "UsernameReplaced", JsonSerializer.Serialize(new Dictionary<string, string> { ["old_username"] = text }), folder: folder.Path);

        var oneLine = Regex.Replace(text, @"[\p{C}\u2028\u2029]+", " ");
        Assert.Equal(
            ["Auto-Submitted", "Date", "From", "MIME-Version", "Message-Id", "Reply-To", "Subject", "To"],
            message.Headers.Select(header => header.Field).Order(StringComparer.Ordinal));
        Assert.Equal($"Your name {oneLine}", message.Subject);
        Assert.Equal($"From {oneLine}.", message.TextBody!.Trim());
        Assert.Contains($"Your account was named {HtmlEncoder.Default.Encode(oneLine)}.",
            message.HtmlBody!.ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Equal(MailDatabase.Address, message.To.ToString());
    }

    [Theory]
    [InlineData("a@example.test\r\nBcc: b@example.test")]
    [InlineData("a@example.test> RCPT TO:<b@example.test")]
    [InlineData("\"a\r\n\"@example.test")]
    [InlineData("例え@example.test")]
    [InlineData("nobody")]
    [InlineData("")]
    public async Task A_row_whose_address_is_not_one_is_given_up_and_says_nothing_to_the_server(string address)
    {
        await outbox.AddAsync(1, address: address);
        await using var server = new SmtpServer().Start();
        var worker = new MailWorker(outbox, MailWorker.To(server));

        await worker.DeliverAsync();

        Assert.Equal(0, await outbox.CountAsync());
        Assert.DoesNotContain(server.Commands, line => line.StartsWith("RCPT", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_file_of_a_folder_replaces_the_template_of_its_name_and_no_other()
    {
        using var folder = new OwnTemplates(
            ("password_changed.en.txt", "News of {{account}}\n\nAll new.\n"),
            ("layout.html", "<main>{{content}}</main>"),
            ("words.en.txt", "totp = a little device\n"),
            ("README.md", "{{unknown}}"));

        var (changed, _) = await SendAsync("PasswordChanged", "{}", folder: folder.Path);
        var (added, _) = await SendAsync("SignInMethodAdded", """{"method": "totp"}""", folder: folder.Path);

        Assert.Equal("News of somebody", changed.Subject);
        Assert.Equal("All new.", changed.TextBody!.Trim());
        Assert.StartsWith("<main><p", changed.HtmlBody, StringComparison.Ordinal);
        Assert.Contains("The password of your account was changed at", changed.HtmlBody, StringComparison.Ordinal);
        Assert.Contains("a little device", added.TextBody, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_adds_a_language()
    {
        using var folder = new OwnTemplates(
            ("password_changed.de.txt", "Neues Passwort\n\nHallo {{account}}."), ("password_changed.de.html", "<p>Hallo {{account}}.</p>"));

        var (german, _) = await SendAsync("PasswordChanged", "{}", "de", folder.Path);

        Assert.Equal("Neues Passwort", german.Subject);
        Assert.Contains("<html lang=\"de\">", german.HtmlBody!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("verify_email.en.txt", "Subject\n\n{{link}} {{nme}}", "has the unknown placeholder {{nme}}. Known are product, ")]
    [InlineData("verify_email.en.txt", "Subject\n\n{{link}} {{ account }}", "has the unknown placeholder {{ account }}")]
    [InlineData("verify_email.en.html", "{{method}} {{link}}", "has the unknown placeholder {{method}}")]
    [InlineData("password_changed.en.txt", "Subject\n\n{{link}}", "has the unknown placeholder {{link}}")]
    [InlineData("password_reset.ja.html", "no address", "lacks {{link}}.")]
    [InlineData("password_reset.ja.txt", "{{link}}\n\n{{link}}", "has {{link}} in its first line")]
    [InlineData("password_reset.ja.txt", "\n\n{{link}}", "lacks a subject in its first line.")]
    [InlineData("layout.html", "<html></html>", "lacks {{content}}")]
    [InlineData("layout.html", "{{content}}{{link}}", "has the unknown placeholder {{link}}")]
    [InlineData("words.en.txt", "otp = a code", "has the unknown word otp. Known are password, ")]
    [InlineData("pasword_reset.en.txt", "Subject", "is no template.")]
    [InlineData("password_reset.txt", "Subject", "is no template.")]
    [InlineData("password_changed.de.txt", "Subject", "needs password_changed.de.html beside it")]
    public void A_file_with_a_fault_is_refused_by_name(string name, string content, string problem)
    {
        using var folder = new OwnTemplates((name, content));
        var problems = new SettingProblems("Identity");

        MailTemplates.Check(folder.Path, problems);

        Assert.StartsWith(
            $"Identity:Mail:Templates has the file {name}, which {problem}", Assert.Single(problems.Result.Failures!),
            StringComparison.Ordinal);
    }

    private static List<string> Used(string file) =>
        [.. Placeholder().Matches(File.ReadAllText(Path.Combine(Templates, file))).Select(match => match.Groups[1].Value)
            .Distinct().Order(StringComparer.Ordinal)];

    private async Task<(MimeMessage Message, string Raw)> SendAsync(string kind, string data, string language = "en", string folder = "")
    {
        await outbox.AddAsync(1, kind, data: data, language: language);
        await using var server = new SmtpServer().Start();
        var settings = MailWorker.To(server);
        (settings.ReplyTo, settings.Templates) = ("help@example.test", folder);
        var worker = new MailWorker(outbox, settings);
        await worker.DeliverAsync();
        var mail = Assert.Single(server.Mails);
        return (mail.Message, mail.Raw);
    }

    [GeneratedRegex(@"\{\{([^{}]*)\}\}")]
    private static partial Regex Placeholder();

    private sealed class OwnTemplates : IDisposable
    {
        public OwnTemplates(params (string Name, string Content)[] files)
        {
            foreach (var (name, content) in files)
            {
                File.WriteAllText(System.IO.Path.Combine(Path, name), content);
            }
        }

        public string Path { get; } = Directory.CreateTempSubdirectory("authmesh-templates-").FullName;

        public void Dispose() => Directory.Delete(Path, recursive: true);
    }
}
