using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Mail;

public sealed class PickupFolderTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_mail_of_the_outbox_becomes_a_file_that_only_the_service_reads_and_leaves_the_outbox()
    {
        var (name, _, _) = await mesh.SignUpAsync();
        var address = $"{name}@example.test";

        await mesh.Database.ExecuteAsync(
            """
            INSERT INTO mails (id, kind, user_id, address, language, data, created_at, due_at, expires_at, attempts)
            SELECT gen_random_uuid(), 'PasswordChanged', id, $2, 'en', '{}', now(), now(), now() + interval '1 day', 0
            FROM users WHERE username = $1
            """,
            name, address);
        var mail = await mesh.Mails.NextAsync(address);

        Assert.Equal("Your password at AuthMesh was changed", mail.Subject);
        Assert.StartsWith($"Hello {name},\n\nThe password of your account was changed at 2", mail.Text, StringComparison.Ordinal);
        Assert.Contains($">Hello {name},</p>", mail.Html, StringComparison.Ordinal);
        Assert.Equal("auto-generated", mail.Header("Auto-Submitted"));
        Assert.EndsWith("@auth.example.test", mail.Message.MessageId, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(mail.File));
        await Patience.UntilAsync(async () =>
            await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM mails WHERE address = $1", address) == 0);
        Assert.Single(mesh.Mails.To(address));
    }
}
