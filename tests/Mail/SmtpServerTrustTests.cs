using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthMesh.Identity.Mail;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Mail;

/// <summary>Which servers get a mail and the password: only those with a good certificate, in an encrypted conversation.</summary>
[Collection<OnMailDatabase>]
public sealed class SmtpServerTrustTests(MailDatabase outbox) : IAsyncLifetime
{
    private readonly string rootFile = Path.GetTempFileName();

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(rootFile, TestCertificates.AuthorityPem, TestContext.Current.CancellationToken);
        await outbox.ResetAsync();
        await outbox.AddAsync(1);
    }

    [Theory]
    [InlineData("StartTls", "PLAIN")]
    [InlineData("StartTls", "LOGIN")]
    [InlineData("Implicit", "PLAIN LOGIN")]
    public async Task A_mail_leaves_encrypted_and_authenticated(string tls, string mechanisms)
    {
        await using var server = Server(tls, TestCertificates.Server, mechanisms);

        Assert.Empty(await DeliverAsync(server));

        Assert.Equal(MailDatabase.Address, Assert.Single(server.Mails).To);
        Assert.All(
            server.Commands.Except(["EHLO auth.example.test", "STARTTLS"]),
            line => Assert.StartsWith("tls ", line, StringComparison.Ordinal));
        Assert.Contains("tls EHLO auth.example.test", server.Commands);
    }

    [Theory]
    [InlineData("StartTls", "name")]
    [InlineData("Implicit", "name")]
    [InlineData("StartTls", "expired")]
    [InlineData("Implicit", "expired")]
    [InlineData("StartTls", "authority")]
    [InlineData("Implicit", "authority")]
    public async Task A_server_with_a_bad_certificate_gets_neither_the_password_nor_a_mail(string tls, string fault)
    {
        var certificate = fault switch
        {
            "name" => TestCertificates.OfAnotherName,
            "expired" => TestCertificates.Expired,
            _ => TestCertificates.Server,
        };
        await using var server = Server(tls, certificate, "PLAIN");

        var warnings = await DeliverAsync(server, knowsAuthority: fault != "authority");

        Assert.Contains("the TLS handshake failed", warnings[0], StringComparison.Ordinal);
        Assert.Empty(server.Mails);
        Assert.DoesNotContain(server.Commands, line => line.StartsWith("tls ", StringComparison.Ordinal));
        Assert.Equal(1, await outbox.CountAsync("attempts = 1"));
    }

    [Fact]
    public async Task A_server_that_offers_no_TLS_gets_neither_the_password_nor_a_mail()
    {
        await using var server = Server("None", certificate: null, "PLAIN");
        var settings = Settings(server);
        settings.Tls = MailTls.StartTls;

        var warnings = await DeliverAsync(server, settings);

        Assert.Contains("STARTTLS", warnings[0], StringComparison.Ordinal);
        Assert.All(server.Commands, line => Assert.Matches("^(EHLO|QUIT)", line));
    }

    [Fact]
    public async Task A_wrong_password_lets_the_mails_wait_and_stands_in_no_log()
    {
        await using var server = Server("Implicit", TestCertificates.Server, "PLAIN");
        var settings = Settings(server);
        settings.Password = "another password";

        var warnings = await DeliverAsync(server, settings);

        Assert.Contains("the server refuses Mail:Username or Mail:Password", warnings[0], StringComparison.Ordinal);
        Assert.All(warnings, line => Assert.DoesNotContain("another password", line, StringComparison.Ordinal));
        Assert.Equal(1, await outbox.CountAsync("attempts = 1"));
    }

    [Fact]
    public async Task A_server_that_demands_a_password_is_named_so()
    {
        await using var server = Server("Implicit", TestCertificates.Server, "PLAIN");
        var settings = Settings(server);
        (settings.Username, settings.Password) = ("", "");

        var warnings = await DeliverAsync(server, settings);

        Assert.Contains("the server demands Mail:Username and Mail:Password", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal(1, await outbox.CountAsync("attempts = 1"));
    }

    [Fact]
    public async Task The_password_comes_from_a_file_that_may_change()
    {
        await using var server = Server("Implicit", TestCertificates.Server, "PLAIN");
        var passwordFile = Path.GetTempFileName();
        await File.WriteAllTextAsync(passwordFile, "of yesterday\n", TestContext.Current.CancellationToken);
        var settings = Settings(server);
        (settings.Password, settings.PasswordFile) = ("", passwordFile);
        var worker = new MailWorker(outbox, settings);

        await worker.DeliverAsync();
        Assert.Empty(server.Mails);
        await File.WriteAllTextAsync(passwordFile, SmtpServer.Password + "\n", TestContext.Current.CancellationToken);
        await outbox.SkipPausesAsync();
        await worker.DeliverAsync();

        Assert.Single(server.Mails);
        Assert.Contains("takes mails again", worker.Log.At(LogLevel.Information).First(), StringComparison.Ordinal);
        File.Delete(passwordFile);
    }

    public ValueTask DisposeAsync()
    {
        File.Delete(rootFile);
        return ValueTask.CompletedTask;
    }

    private static SmtpServer Server(string tls, X509Certificate2? certificate, string mechanisms) =>
        new SmtpServer { Tls = Enum.Parse<MailTls>(tls), Certificate = certificate, Mechanisms = mechanisms }.Start();

    private MailOptions Settings(SmtpServer server, bool knowsAuthority = true)
    {
        var settings = MailWorker.To(server);
        (settings.Username, settings.Password) = (SmtpServer.Username, SmtpServer.Password);
        settings.RootCertificate = knowsAuthority ? rootFile : "";
        return settings;
    }

    private Task<List<string>> DeliverAsync(SmtpServer server, bool knowsAuthority = true) =>
        DeliverAsync(server, Settings(server, knowsAuthority));

    /// <returns>The warnings in the log.</returns>
    private async Task<List<string>> DeliverAsync(SmtpServer server, MailOptions settings)
    {
        var worker = new MailWorker(outbox, settings);
        await worker.DeliverAsync();
        Assert.DoesNotContain(server.Commands, line => line.Contains(Base64(SmtpServer.Password), StringComparison.Ordinal)
            && !line.StartsWith("tls ", StringComparison.Ordinal));
        return [.. worker.Log.At(LogLevel.Warning)];
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));
}
