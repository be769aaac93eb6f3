using AuthMesh.Identity.Mail;
using AuthMesh.Settings;

namespace AuthMesh.Tests.Mail;

/// <summary>Which settings of <c>Identity:Mail</c> are accepted, and which are refused with which words.</summary>
public sealed class MailOptionsTests
{
    [Fact]
    public void Without_a_server_and_a_folder_mail_is_off()
    {
        Assert.False(new MailOptions().IsConfigured);
        Assert.Empty(Problems(new MailOptions()));
        Assert.True(new MailOptions { Host = "smtp.example.com" }.IsConfigured);
        Assert.True(new MailOptions { PickupFolder = "/mails" }.IsConfigured);
    }

    [Theory]
    [InlineData("smtp.example.com", MailTls.StartTls, 587)]
    [InlineData("192.0.2.1", MailTls.Implicit, 465)]
    [InlineData("::1", MailTls.None, 25)]
    [InlineData("127.0.0.1", MailTls.None, 25)]
    [InlineData("localhost", MailTls.None, 25)]
    public void A_server_is_accepted_and_has_the_usual_port(string host, MailTls tls, int port)
    {
        var options = new MailOptions { Host = host, Tls = tls, From = "a@example.test" };

        Assert.Empty(Problems(options));
        Assert.Equal(port, options.EffectivePort);
        options.Port = 2525;
        Assert.Equal(2525, options.EffectivePort);
    }

    [Theory]
    [InlineData("https://smtp.example.com")]
    [InlineData("smtp.example.com:587")]
    [InlineData("smtp example")]
    [InlineData("user@smtp.example.com")]
    public void A_host_that_is_no_name_is_refused(string host) =>
        Assert.StartsWith("Identity:Mail:Host must be the name or address", Assert.Single(Problems(Good(host))), StringComparison.Ordinal);

    [Theory]
    [InlineData("mail", true)]
    [InlineData("smtp.example.com", true)]
    [InlineData("mail", false)]
    [InlineData("localhost.example.com", false)]
    [InlineData("128.0.0.1", false)]
    public void Clear_text_leaves_the_machine_only_in_Development(string host, bool isDevelopment)
    {
        var options = Good(host);
        options.Tls = MailTls.None;

        Assert.Equal(
            isDevelopment ? [] : ["Identity:Mail:Tls must be StartTls or Implicit outside Development, unless Mail:Host is this machine: "
                + "mails hold links that set passwords."],
            Problems(options, isDevelopment));
    }

    [Theory]
    [InlineData("", false)]
    [InlineData("nobody", false)]
    [InlineData("@example.test", false)]
    [InlineData("a@", false)]
    [InlineData("a@b@example.test", false)]
    [InlineData("a@example.test, b@example.test", false)]
    [InlineData("例え@example.test", false)]
    [InlineData("a@example.test\r\nBcc: b@example.test", false)]
    [InlineData("a@example.test", true)]
    [InlineData("Example <a@example.test>", true)]
    [InlineData("\"Example, Inc.\" <a@example.test>", true)]
    [InlineData("例え <a@xn--r8jz45g.test>", true)]
    public void The_sender_and_the_address_for_answers_are_one_address_each(string text, bool isAccepted)
    {
        var options = Good("smtp.example.com");
        options.From = text;
        Assert.Equal(isAccepted, !Problems(options).Any(problem => problem.StartsWith("Identity:Mail:From ", StringComparison.Ordinal)));

        options = Good("smtp.example.com");
        options.ReplyTo = text;
        Assert.Equal(
            isAccepted || text.Length == 0,
            !Problems(options).Any(problem => problem.StartsWith("Identity:Mail:ReplyTo ", StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("", "", "", true)]
    [InlineData("user", "password", "", true)]
    [InlineData("user", "", "", false)]
    [InlineData("", "password", "", false)]
    [InlineData("user", "password", "/dev/null", false)]
    [InlineData("user", "", "/dev/null", false)]
    [InlineData("user", "", "/nowhere", false)]
    public void User_and_password_belong_together(string username, string password, string passwordFile, bool isAccepted)
    {
        var options = Good("smtp.example.com");
        (options.Username, options.Password, options.PasswordFile) = (username, password, passwordFile);

        var problems = Problems(options);

        Assert.Equal(isAccepted, problems.Count == 0);
        Assert.All(problems, problem => Assert.DoesNotContain("password,", problem, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/nowhere", "names a file that cannot be read")]
    [InlineData("/dev/null", "names a file without a certificate")]
    public void A_root_certificate_that_is_none_is_refused(string file, string problem)
    {
        var options = Good("smtp.example.com");
        options.RootCertificate = file;

        Assert.StartsWith("Identity:Mail:RootCertificate " + problem, Assert.Single(Problems(options)), StringComparison.Ordinal);
    }

    [Fact]
    public void A_server_and_a_folder_together_are_refused()
    {
        var options = Good("smtp.example.com");
        options.PickupFolder = "/mails";

        Assert.Equal(["Identity:Mail:PickupFolder and Mail:Host are both set. Keep one."], Problems(options));
    }

    private static MailOptions Good(string host) => new() { Host = host, From = "a@example.test" };

    private static List<string> Problems(MailOptions options, bool isDevelopment = false)
    {
        var problems = new SettingProblems("Identity");
        options.Check(problems, isDevelopment);
        return [.. problems.Result.Failures ?? []];
    }
}
