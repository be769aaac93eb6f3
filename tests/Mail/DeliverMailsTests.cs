using System.Diagnostics.Metrics;
using AuthMesh.Identity.Mail;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AuthMesh.Tests.Mail;

/// <summary>What becomes of the mails in the outbox, in conversations with a real SMTP server on a real database.</summary>
[Collection<OnMailDatabase>]
public sealed class DeliverMailsTests(MailDatabase outbox) : IAsyncLifetime
{
    private readonly SmtpServer server = new SmtpServer().Start();
    private MailWorker worker = null!;

    public async ValueTask InitializeAsync()
    {
        await outbox.ResetAsync();
        worker = new MailWorker(outbox, MailWorker.To(server));
    }

    [Fact]
    public async Task A_batch_leaves_over_one_connection_and_the_outbox_is_empty()
    {
        await outbox.AddAsync(3);

        await worker.DeliverAsync();

        Assert.Equal(3, server.Mails.Count);
        Assert.Equal(1, server.Connections);
        Assert.All(server.Mails, mail => Assert.Equal(MailDatabase.Address, mail.To));
        Assert.Equal(0, await outbox.CountAsync());
        Assert.Empty(worker.Log.At(LogLevel.Warning));
    }

    [Theory]
    [InlineData("Some.Body+tag@Example.test")]
    [InlineData("somebody@xn--r8jz45g.xn--zckzah")]
    [InlineData("\"quoted@local\"@example.test")]
    public async Task The_server_hears_the_address_exactly_as_it_is_stored(string address)
    {
        await outbox.AddAsync(1, address: address);

        await worker.DeliverAsync();

        Assert.Equal(address, Assert.Single(server.Mails).To);
    }

    [Fact]
    public async Task Two_workers_send_each_mail_once()
    {
        await outbox.AddAsync(100);
        var second = new MailWorker(outbox, MailWorker.To(server));

        await Together.RunAsync(2, async i =>
        {
            while (await (i == 0 ? worker : second).DeliverAsync())
            {
            }

            return i;
        });

        Assert.Equal(0, await outbox.CountAsync());
        Assert.Equal(100, server.Mails.Count);
        Assert.Equal(100, server.Mails.Select(mail => mail.Message.MessageId).Distinct().Count());
    }

    [Fact]
    public async Task Workers_that_take_mails_at_once_never_take_the_same_one()
    {
        var queue = new MailQueue(outbox.Primary);
        for (var round = 0; round < 5; round++)
        {
            await outbox.ResetAsync();
            await outbox.AddAsync(100);

            var leases = await Together.RunAsync(20, _ => queue.LeaseAsync(20, TestContext.Current.CancellationToken));

            var taken = leases.SelectMany(lease => lease.Mails).Select(leased => leased.Mail.Id).ToList();
            Assert.InRange(taken.Count, 20, 100);
            Assert.Equal(taken.Count, taken.Distinct().Count());
        }
    }

    [Fact]
    public async Task A_mail_of_a_worker_that_died_is_sent_when_its_lease_ends()
    {
        await outbox.AddAsync(1);
        var (leased, _) = await new MailQueue(outbox.Primary).LeaseAsync(20, TestContext.Current.CancellationToken); // and dies
        Assert.Single(leased);

        await worker.DeliverAsync();
        Assert.Empty(server.Mails);
        Assert.Equal(1, await outbox.CountAsync("due_at BETWEEN now() + interval '110 seconds' AND now() + interval '2 minutes'"));

        await outbox.Database.ExecuteAsync("UPDATE mails SET due_at = due_at - interval '2 minutes'");
        await worker.DeliverAsync();
        Assert.Single(server.Mails);
        Assert.Equal(0, await outbox.CountAsync());
    }

    [Fact]
    public async Task A_worker_whose_lease_ran_out_leaves_the_mail_to_the_next_one()
    {
        await outbox.AddAsync(1);
        var queue = new MailQueue(outbox.Primary);
        var (late, _) = await queue.LeaseAsync(20, TestContext.Current.CancellationToken);
        await outbox.Database.ExecuteAsync("UPDATE mails SET due_at = now() + interval '1 minute'"); // the lease of another worker

        await queue.PostponeAsync(late[0]);
        await queue.ReleaseAsync(late[0]);

        Assert.Equal(1, await outbox.CountAsync("attempts = 0 AND due_at > now() + interval '50 seconds'"));
    }

    [Theory]
    [InlineData("RCPT", "550 no such user")]
    [InlineData("RCPT", "552 mailbox full")]
    [InlineData("RCPT", "554 no")]
    [InlineData(SmtpServer.EndOfData, "554 not this content")]
    public async Task A_mail_that_the_server_refuses_for_good_is_given_up_and_others_go_on(string command, string reply)
    {
        await outbox.AddAsync(1);
        await outbox.AddAsync(1, address: "next@example.test");
        var refused = 0;
        server.Answer = line => line.StartsWith(command, StringComparison.Ordinal) && refused++ == 0 ? reply : null;

        await worker.DeliverAsync();

        Assert.Equal("next@example.test", Assert.Single(server.Mails).To);
        Assert.Equal(0, await outbox.CountAsync());
        var error = Assert.Single(worker.Log.At(LogLevel.Error));
        Assert.Contains($"is given up: the server answers {reply[..3]}", error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("CONNECT", "421 too busy")]
    [InlineData("CONNECT", SmtpServer.HangUp)]
    [InlineData("EHLO", "421 too busy")]
    [InlineData("MAIL", "451 later")]
    [InlineData("MAIL", "550 the sender is not ours")] // a wrong setting
    [InlineData("RCPT", "450 greylisted")]
    [InlineData("RCPT", SmtpServer.HangUp)]
    [InlineData("DATA", "451 later")]
    [InlineData(SmtpServer.EndOfData, "452 no space")]
    [InlineData(SmtpServer.EndOfData, SmtpServer.HangUp)]
    public async Task A_mail_that_the_server_does_not_take_now_is_tried_again(string command, string reply)
    {
        await outbox.AddAsync(1);
        server.Answer = line => line.StartsWith(command, StringComparison.Ordinal) ? reply : null;

        await worker.DeliverAsync();

        Assert.Empty(server.Mails);
        Assert.Equal(1, await outbox.CountAsync("attempts = 1 AND due_at BETWEEN now() + interval '20 s' AND now() + interval '30 s'"));
        Assert.Contains("waits after 1 attempts: ", worker.Log.At(LogLevel.Warning).Last(), StringComparison.Ordinal);

        server.Answer = _ => null;
        await worker.DeliverAsync();
        Assert.Empty(server.Mails); // not due yet
        await outbox.SkipPausesAsync();
        await worker.DeliverAsync();
        Assert.Single(server.Mails);
        Assert.Equal(0, await outbox.CountAsync());
    }

    [Fact]
    public async Task A_server_that_hangs_holds_the_worker_for_30_seconds_and_no_longer()
    {
        await outbox.AddAsync(2);
        var clock = new WatchedTime();
        var patient = new MailWorker(outbox, MailWorker.To(server), clock: clock);
        server.Answer = line => line.StartsWith("RCPT", StringComparison.Ordinal) ? SmtpServer.Hang : null;

        var delivering = patient.DeliverAsync();
        await Patience.UntilAsync(() => server.Commands.Any(line => line.StartsWith("RCPT", StringComparison.Ordinal)));
        clock.Advance(TimeSpan.FromSeconds(29));
        Assert.False(delivering.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(1));
        await delivering;

        Assert.Equal(1, await outbox.CountAsync("attempts = 1 AND due_at > now() + interval '20 seconds'"));
        Assert.Equal(1, await outbox.CountAsync("attempts = 0 AND due_at <= now()")); // was not tried
        Assert.Contains("no answer within 30 s", Assert.Single(patient.Log.At(LogLevel.Warning)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_that_is_down_is_tried_once_for_a_batch_and_named_once()
    {
        await outbox.AddAsync(3);
        await server.DisposeAsync();

        Assert.False(await worker.DeliverAsync());
        await outbox.SkipPausesAsync();
        Assert.False(await worker.DeliverAsync());

        Assert.Equal(3, await outbox.CountAsync("attempts = 2"));
        Assert.Single(worker.Log.At(LogLevel.Warning), line => line.StartsWith("Mails wait, because ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_pauses_between_attempts_double_from_30_seconds_to_an_hour()
    {
        await outbox.AddAsync(1);
        server.Answer = line => line.StartsWith("RCPT", StringComparison.Ordinal) ? "450 later" : null;

        var pauses = new List<double>();
        for (var attempt = 0; attempt < 9; attempt++)
        {
            await worker.DeliverAsync();
            pauses.Add(await outbox.Database.ScalarAsync<double>("SELECT extract(epoch FROM due_at - now())::float8 FROM mails"));
            await outbox.SkipPausesAsync();
        }

        double[] expected = [30, 60, 120, 240, 480, 960, 1920, 3600, 3600];
        Assert.All(pauses.Zip(expected), pause => Assert.InRange(pause.First, pause.Second - 10, pause.Second));
    }

    [Fact]
    public async Task A_mail_that_expires_before_its_next_attempt_is_due_then_and_given_up()
    {
        await outbox.AddAsync(1);
        await outbox.Database.ExecuteAsync("UPDATE mails SET expires_at = now() + interval '10 seconds'");
        server.Answer = line => line.StartsWith("RCPT", StringComparison.Ordinal) ? "450 later" : null;
        await worker.DeliverAsync();
        Assert.Equal(1, await outbox.CountAsync("due_at = expires_at"));

        server.Answer = _ => null;
        await outbox.Database.ExecuteAsync("UPDATE mails SET due_at = now(), expires_at = now()");
        await worker.DeliverAsync();

        Assert.Empty(server.Mails);
        Assert.Equal(0, await outbox.CountAsync());
        Assert.Contains("too late, after 1 attempts", Assert.Single(worker.Log.At(LogLevel.Error)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_link_is_made_when_the_mail_is_sent_and_anew_for_each_attempt()
    {
        var made = 0;
        var linking = new MailWorker(
            outbox, MailWorker.To(server), (_, _) => Task.FromResult<string?>($"https://a.test/reset?token=t{++made}"));
        await outbox.AddAsync(1, "PasswordReset");
        server.Answer = line => line.StartsWith("CONNECT", StringComparison.Ordinal) ? "421 busy" : null;
        await linking.DeliverAsync();
        Assert.Equal(0, made); // no connection, no secret
        server.Answer = line => line.StartsWith("RCPT", StringComparison.Ordinal) ? "450 later" : null;
        await outbox.SkipPausesAsync();
        await linking.DeliverAsync();
        server.Answer = _ => null;
        await outbox.SkipPausesAsync();
        await linking.DeliverAsync();

        Assert.Equal(2, made);
        Assert.Contains("https://a.test/reset?token=t2\n", server.Mails.Single().Message.TextBody!.ReplaceLineEndings("\n"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_mail_whose_link_is_no_longer_wanted_is_deleted_without_a_word()
    {
        var unwanted = new MailWorker(outbox, MailWorker.To(server), (_, _) => Task.FromResult<string?>(null));
        await outbox.AddAsync(1, "VerifyEmail");

        await unwanted.DeliverAsync();

        Assert.Empty(server.Mails);
        Assert.Equal(0, await outbox.CountAsync());
        Assert.Empty(unwanted.Log.At(LogLevel.Warning).Concat(unwanted.Log.At(LogLevel.Error)));
    }

    [Fact]
    public async Task A_mail_that_cannot_be_written_is_tried_again_and_holds_up_no_other()
    {
        var broken = new MailWorker(
            outbox, MailWorker.To(server), (_, _) => throw new InvalidOperationException("a defect"));
        await outbox.AddAsync(1, "VerifyEmail");
        await outbox.AddAsync(1);

        await broken.DeliverAsync();

        Assert.Single(server.Mails);
        Assert.Equal(1, await outbox.CountAsync("attempts = 1 AND kind = 'VerifyEmail'"));
        Assert.Single(broken.Log.At(LogLevel.Error));
    }

    [Fact]
    public async Task What_happened_while_PostgreSQL_was_away_is_stored_before_anything_else_is_sent()
    {
        var interrupted = new MailWorker(outbox, MailWorker.To(server), async (mail, _) =>
        {
            // PostgreSQL goes between this mail's lease and its end.
            await outbox.Database.ExecuteAsync("ALTER TABLE mails RENAME TO mails_away");
            return MailWorker.Link(mail);
        });
        await outbox.AddAsync(1, "VerifyEmail");
        await outbox.AddAsync(2);

        await Assert.ThrowsAsync<PostgresException>(interrupted.DeliverAsync);
        await Assert.ThrowsAsync<PostgresException>(interrupted.DeliverAsync);
        Assert.Single(server.Mails);
        await outbox.Database.ExecuteAsync("ALTER TABLE mails_away RENAME TO mails");
        await interrupted.DeliverAsync();

        Assert.Equal(3, server.Mails.Count); // the first one only once, the others without a wait for the end of their lease
        Assert.Equal(0, await outbox.CountAsync());
    }

    [Fact]
    public async Task Metrics_count_mails_that_were_sent_failed_and_wait()
    {
        var counted = new List<string>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Scope == MailWorker.Meters)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            counted.Add($"{instrument.Name} {value} {string.Join(' ', tags.ToArray().Select(tag => tag.Value))}".Trim()));
        listener.Start();
        var metered = new MailWorker(outbox, MailWorker.To(server));
        foreach (var name in (string[])["good", "bad", "later", "late"])
        {
            await outbox.AddAsync(1, address: $"{name}@example.test");
        }

        await outbox.Database.ExecuteAsync("UPDATE mails SET expires_at = now() WHERE address LIKE 'late@%'");
        server.Answer = line => line.Contains("<bad@", StringComparison.Ordinal) ? "550 no"
            : line.Contains("<later@", StringComparison.Ordinal) ? "450 later" : null;

        await metered.DeliverAsync();
        await metered.DeliverAsync();
        listener.RecordObservableInstruments();

        Assert.Subset(
            counted.ToHashSet(),
            new HashSet<string>
            {
                "authmesh.mail.sent 1 PasswordChanged", "authmesh.mail.failed 1 PasswordChanged refused",
                "authmesh.mail.failed 1 PasswordChanged postponed", "authmesh.mail.failed 1 PasswordChanged expired",
                "authmesh.mail.waiting 1",
            });
    }

    [Fact]
    public async Task Logs_show_no_address_even_if_the_server_repeats_it()
    {
        await outbox.AddAsync(1);
        server.Answer = line => line.StartsWith("RCPT", StringComparison.Ordinal) ? "550 <SOMEBODY@EXAMPLE.TEST> no" : null;

        await worker.DeliverAsync();

        Assert.Contains("550: <the address> no", Assert.Single(worker.Log.At(LogLevel.Error)), StringComparison.Ordinal);
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();
}
