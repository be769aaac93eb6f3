using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.Extensions.Options;
using MimeKit;

namespace AuthMesh.Identity.Mail;

/// <summary>
/// Sends the mails of the outbox, each at least once. Every replica runs this. A mail is leased before and deleted after it is sent, so a
/// crash in between sends it again, two minutes later.
/// </summary>
internal sealed partial class SendMails(
    MailQueue queue, IMailRoute route, ComposeMail compose, MailSignal signal, Preparation preparation, IOptions<MailOptions> options,
    IHostEnvironment environment, MailMetrics metrics, TimeProvider clock, ILogger<SendMails> logger) : BackgroundService
{
    private const int BatchSize = 20;

    // How late another replica's mail is noticed, or one whose replica has died.
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    // A batch on one connection. A quarter of the lease, so that no other worker takes a mail that this one still sends.
    private static readonly TimeSpan LongestConversation = TimeSpan.FromSeconds(30);

    // Ends a mail in progress properly, within the 20 s that the service has to stop.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(5);

    // What became of a mail, until PostgreSQL has heard it. After an outage this comes first: otherwise the mail would be sent again.
    private readonly Queue<Func<Task>> unsaved = new();
    private string? closedBecause;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!options.Value.IsConfigured)
        {
            return;
        }

        if (options.Value.PickupFolder.Length > 0 && !environment.IsDevelopment())
        {
            LogFolder(options.Value.PickupFolder);
        }

        await preparation.Completed.WaitAsync(stoppingToken);
        await new Repeating(clock, Explain, LogWaiting).RunAsync(RunAsync, stoppingToken);
    }

    // No fault may end the service, which does more than send mails.
    private static Setback? Explain(Exception exception) => exception is OperationCanceledException
        ? null : new Setback((DatabaseUnavailable.FindCause(exception) ?? exception).Message, RetryInterval);

    private async Task<TimeSpan?> RunAsync(CancellationToken stoppingToken)
    {
        await SaveAsync();
        var woken = signal.Next;
        var (mails, waiting) = await queue.LeaseAsync(BatchSize, stoppingToken);
        metrics.SetWaiting(waiting);
        if (mails.Count > 0)
        {
            await SendAsync(mails, stoppingToken);
        }

        if (mails.Count < BatchSize || closedBecause is not null)
        {
            await woken.WaitAsync(PollInterval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        stoppingToken.ThrowIfCancellationRequested();
        return TimeSpan.Zero;
    }

    private async Task SendAsync(IReadOnlyList<LeasedMail> mails, CancellationToken stoppingToken)
    {
        using var limit = new CancellationTokenSource(LongestConversation, clock);
        await using var stopping = stoppingToken.Register(() => limit.CancelAfter(LongestEnd));
        IMailConversation? conversation = null;
        var isClosed = false;
        try
        {
            foreach (var leased in mails)
            {
                if (leased.IsExpired)
                {
                    Expire(leased);
                }
                else if (isClosed)
                {
                    Postpone(leased, closedBecause!);
                }
                else if (stoppingToken.IsCancellationRequested || limit.IsCancellationRequested || conversation is { IsOpen: false })
                {
                    unsaved.Enqueue(() => queue.ReleaseAsync(leased));
                }
                else
                {
                    conversation ??= await OpenAsync(leased, limit.Token);
                    isClosed = conversation is null;
                    if (conversation is not null)
                    {
                        await SendAsync(leased, conversation, limit.Token);
                    }
                }

                await SaveAsync();
            }
        }
        finally
        {
            if (conversation is not null)
            {
                await conversation.DisposeAsync();
            }
        }
    }

    /// <returns>Null if the way is closed; the mail is postponed then.</returns>
    private async Task<IMailConversation?> OpenAsync(LeasedMail leased, CancellationToken limit)
    {
        try
        {
            var conversation = await route.OpenAsync(limit);
            if (closedBecause is not null)
            {
                closedBecause = null;
                LogOpen(route.Name);
            }

            return conversation;
        }
        catch (Exception exception) when (exception is MailRouteException or OperationCanceledException)
        {
            var reason = Reason(exception);
            if (closedBecause != reason)
            {
                LogClosed(route.Name, reason);
            }

            closedBecause = reason;
            Postpone(leased, reason);
            return null;
        }
    }

    private async Task SendAsync(LeasedMail leased, IMailConversation conversation, CancellationToken limit)
    {
        var mail = leased.Mail;
        try
        {
            if (!MailOptions.IsUsable(mail.Address))
            {
                Refuse(leased, "the address is none");
            }
            else if (await compose.RunAsync(leased, limit) is not { } message)
            {
                unsaved.Enqueue(() => queue.DeleteAsync(leased));
            }
            else if (await conversation.SendAsync(message, limit) is { } refusal)
            {
                Refuse(leased, refusal);
            }
            else
            {
                unsaved.Enqueue(() => queue.DeleteAsync(leased));
                metrics.CountSent(mail.Kind);
                LogSent(mail.Kind, mail.Id, mail.UserId);
            }
        }
        catch (Exception exception) when (exception is MailRouteException or OperationCanceledException)
        {
            Postpone(leased, Reason(exception));
        }
        catch (Exception exception) when (DatabaseUnavailable.FindCause(exception) is null)
        {
            LogFault(exception, mail.Kind, mail.Id);
            Postpone(leased, exception.Message);
        }
    }

    private void Postpone(LeasedMail leased, string reason)
    {
        unsaved.Enqueue(() => queue.PostponeAsync(leased));
        metrics.CountFailed(leased.Mail.Kind, "postponed");
        LogPostponed(leased.Mail.Kind, leased.Mail.Id, leased.Mail.UserId, leased.Mail.Attempts + 1, Without(leased, reason));
    }

    private void Refuse(LeasedMail leased, string reason)
    {
        unsaved.Enqueue(() => queue.DeleteAsync(leased));
        metrics.CountFailed(leased.Mail.Kind, "refused");
        LogRefused(leased.Mail.Kind, leased.Mail.Id, leased.Mail.UserId, Without(leased, reason));
    }

    private void Expire(LeasedMail leased)
    {
        unsaved.Enqueue(() => queue.DeleteAsync(leased));
        metrics.CountFailed(leased.Mail.Kind, "expired");
        LogExpired(leased.Mail.Kind, leased.Mail.Id, leased.Mail.UserId, leased.Mail.Attempts);
    }

    private async Task SaveAsync()
    {
        while (unsaved.TryPeek(out var save))
        {
            await save();
            unsaved.Dequeue();
        }
    }

    private static string Reason(Exception exception) => exception is OperationCanceledException
        ? $"no answer within {LongestConversation.TotalSeconds:0} s" : exception.Message;

    // Servers repeat the address in their answers. Logs hold ids.
    private static string Without(LeasedMail leased, string reason) =>
        reason.Replace(leased.Mail.Address, "the address", StringComparison.OrdinalIgnoreCase) is { Length: > 300 } longer
            ? longer[..300] : reason.Replace(leased.Mail.Address, "the address", StringComparison.OrdinalIgnoreCase);

    [LoggerMessage(LogLevel.Warning,
        "Mails go to files in {Folder} instead of to people. Its readers can reset passwords. For people, set Identity:Mail:Host")]
    private partial void LogFolder(string folder);

    [LoggerMessage(LogLevel.Information, "Sent the mail {Kind} {MailId} to the user {UserId}")]
    private partial void LogSent(string kind, Guid mailId, Guid userId);

    [LoggerMessage(LogLevel.Warning, "The mail {Kind} {MailId} to the user {UserId} waits after {Attempts} attempts: {Reason}")]
    private partial void LogPostponed(string kind, Guid mailId, Guid userId, int attempts, string reason);

    [LoggerMessage(LogLevel.Error, "The mail {Kind} {MailId} to the user {UserId} cannot be delivered and is given up: {Reason}")]
    private partial void LogRefused(string kind, Guid mailId, Guid userId, string reason);

    [LoggerMessage(LogLevel.Error, "The mail {Kind} {MailId} to the user {UserId} is given up: too late, after {Attempts} attempts")]
    private partial void LogExpired(string kind, Guid mailId, Guid userId, int attempts);

    [LoggerMessage(LogLevel.Error, "The mail {Kind} {MailId} cannot be written")]
    private partial void LogFault(Exception exception, string kind, Guid mailId);

    [LoggerMessage(LogLevel.Warning, "Mails wait, because {Route} takes none: {Reason}")]
    private partial void LogClosed(string route, string reason);

    [LoggerMessage(LogLevel.Information, "{Route} takes mails again")]
    private partial void LogOpen(string route);

    [LoggerMessage(LogLevel.Warning, "The outbox cannot be read: {Reason}")]
    private partial void LogWaiting(string reason);
}
