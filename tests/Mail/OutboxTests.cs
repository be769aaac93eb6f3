using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace AuthMesh.Tests.Mail;

/// <summary>From the code that causes a mail to the worker that hears of it.</summary>
[Collection<OnMailDatabase>]
public sealed class OutboxTests(MailDatabase database) : IAsyncLifetime
{
    private static readonly Dictionary<string, string> NoData = [];

    private readonly SmtpServer server = new SmtpServer().Start();
    private MailReplica replica = null!;

    private Dictionary<string, string?> Settings => new()
    {
        ["Host"] = AuthMesh.LocalMesh.Loopback.Address.ToString(),
        ["Port"] = server.Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["Tls"] = "None",
        ["From"] = "no-reply@example.test",
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await database.ResetAsync();
        replica = new MailReplica(database, Settings);
    }

    [Fact]
    public async Task A_notice_goes_to_the_proved_address_of_an_active_account_in_its_language()
    {
        await NotifyAsync();
        Assert.Equal(0, await database.CountAsync()); // no proved address

        await database.Database.ExecuteAsync(
            "UPDATE users SET email = 'A@example.test', normalized_email = 'a@example.test', email_verified_at = now(), language = 'ja'");
        await NotifyAsync();
        Assert.Equal(1, await database.CountAsync(
            "address = 'A@example.test' AND language = 'ja' AND kind = 'PasswordChanged' AND expires_at = created_at + interval '1 day'"));

        await database.Database.ExecuteAsync("UPDATE users SET disabled_at = now()");
        await NotifyAsync();
        Assert.Equal(1, await database.CountAsync());
    }

    [Fact]
    public async Task A_mail_to_a_named_address_lives_as_long_as_its_sender_says()
    {
        await AddAsync(replica, MailKind.PasswordReset, Outbox.ResetLifetime);

        Assert.Equal(1, await database.CountAsync(
            "address = 'new@example.test' AND language = 'de' AND expires_at = created_at + interval '30 minutes' AND due_at <= now()"));
    }

    [Fact]
    public async Task Without_mail_nothing_is_stored_and_no_query_is_sent()
    {
        await using var off = new MailReplica(database, []);
        await AddAsync(off, MailKind.PasswordReset, Outbox.ResetLifetime);
        await (await off.StartAsync()).WaitAsync(Cancellation); // the loop ends at once

        Assert.Equal(0, await database.CountAsync());
        await AddAsync(replica, MailKind.PasswordReset, Outbox.ResetLifetime);
        Assert.Equal(1, await database.CountAsync());
    }

    [Fact]
    public async Task A_mail_of_a_transaction_that_is_rolled_back_is_never_sent()
    {
        foreach (var commits in (bool[])[false, true])
        {
            await using var scope = replica.Services.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<IdentityDb>();
            await using var transaction = await db.Database.BeginTransactionAsync(Cancellation);
            await scope.ServiceProvider.GetRequiredService<Outbox>().AddAsync(
                MailDatabase.UserId, MailKind.PasswordChanged, $"{commits}@example.test", "en", NoData, Outbox.Lifetime, Cancellation);
            if (commits)
            {
                await transaction.CommitAsync(Cancellation);
            }
        }

        await new MailWorker(database, MailWorker.To(server)).DeliverAsync();
        Assert.Equal("True@example.test", Assert.Single(server.Mails).To);
    }

    [Fact]
    public async Task Data_that_the_template_does_not_know_or_misses_is_a_defect_of_the_caller()
    {
        await Assert.ThrowsAsync<ArgumentException>(() => replica.WithOutboxAsync(outbox =>
            outbox.NotifyAsync(MailDatabase.UserId, MailKind.SignInMethodAdded, NoData, Cancellation)));
        await Assert.ThrowsAsync<ArgumentException>(() => replica.WithOutboxAsync(outbox =>
            outbox.NotifyAsync(
                MailDatabase.UserId, MailKind.PasswordChanged, new Dictionary<string, string> { ["x"] = "" }, Cancellation)));
    }

    // The clock of the process stands still, so nothing polls.
    [Fact]
    public async Task A_mail_wakes_the_worker_of_its_replica_after_the_commit()
    {
        await using var woken = new MailReplica(database, Settings, new WatchedTime());
        await woken.StartAsync();

        for (var i = 1; i <= 3; i++)
        {
            await AddAsync(woken, MailKind.PasswordChanged, Outbox.Lifetime);
            await Patience.UntilAsync(() => server.Mails.Count == i);
        }
    }

    [Fact]
    public async Task A_worker_polls_every_5_seconds_for_mails_of_others_and_survives_an_outage()
    {
        var clock = new WatchedTime();
        await using var polling = new MailReplica(database, Settings, clock);
        await polling.StartAsync();
        await clock.UntilWatchedAsync(1);
        await database.AddAsync(1);
        clock.Advance(TimeSpan.FromSeconds(4));
        Assert.Empty(server.Mails);
        await AdvanceUntilAsync(() => server.Mails.Count == 1);

        await database.Database.ExecuteAsync("ALTER TABLE mails RENAME TO mails_away");
        await AdvanceUntilAsync(() => polling.Log.At(LogLevel.Warning).Any());
        await database.Database.ExecuteAsync("ALTER TABLE mails_away RENAME TO mails");
        await database.AddAsync(1);
        await AdvanceUntilAsync(() => server.Mails.Count == 2);

        Assert.Contains("The outbox cannot be read: ", Assert.Single(polling.Log.At(LogLevel.Warning)), StringComparison.Ordinal);

        async Task AdvanceUntilAsync(Func<bool> condition) => await Patience.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(1));
            return condition();
        });
    }

    [Fact]
    public async Task The_mails_of_a_deleted_account_are_deleted_and_expired_mails_are_pruned()
    {
        await database.AddAsync(3);
        await database.Database.ExecuteAsync(
            "UPDATE mails SET expires_at = now() - interval '61 minutes' WHERE id = (SELECT id FROM mails LIMIT 1)");
        await using (var db = database.Database.Open())
        {
            var deleted = await Prune.RunAsync(
                db, replica.Services.GetServices<PruneStatement>().Where(statement => statement.Rows == "expired mails"), Cancellation);
            Assert.Equal(1, deleted["expired mails"]);
        }

        Assert.Equal(2, await database.CountAsync());
        await database.Database.ExecuteAsync("DELETE FROM users");
        Assert.Equal(0, await database.CountAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await replica.DisposeAsync();
        await server.DisposeAsync();
    }

    private Task NotifyAsync() => replica.WithOutboxAsync(outbox =>
        outbox.NotifyAsync(MailDatabase.UserId, MailKind.PasswordChanged, NoData, Cancellation));

    private static Task AddAsync(MailReplica from, MailKind kind, TimeSpan lifetime) => from.WithOutboxAsync(outbox =>
        outbox.AddAsync(MailDatabase.UserId, kind, "new@example.test", "de", NoData, lifetime, Cancellation));
}
