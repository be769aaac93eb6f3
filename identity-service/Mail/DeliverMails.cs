using AuthMesh.Identity.Platform.Database;

namespace AuthMesh.Identity.Mail;

/// <summary>
/// Delivers a batch of due mails over one connection, each at least once: it leases a mail before it sends it, and deletes it afterwards. A
/// crash in between delivers it again two minutes later.
/// </summary>
internal sealed partial class DeliverMails(
    MailQueue queue, IMailRoute route, ComposeMail compose, MailMetrics metrics, TimeProvider clock, ILogger<DeliverMails> logger)
{
    private const int BatchSize = 20;

    // A quarter of the lease, so that no other worker takes a mail that this one still sends. A server that hangs delays others no longer.
    private static readonly TimeSpan LongestConversation = TimeSpan.FromSeconds(30);

    // The service has 20 s to stop. A mail cut off in the middle might arrive twice.
    private static readonly TimeSpan LongestEnd = TimeSpan.FromSeconds(5);

    // Outcomes that PostgreSQL does not know yet. After an outage they come first; otherwise sent mails would be sent again.
    private readonly Queue<Func<Task>> unsaved = new();
    private string? closedBecause;

    /// <returns>Whether more mails may be due already.</returns>
    public async Task<bool> RunAsync(CancellationToken stoppingToken)
    {
        await SaveAsync();
        var (mails, waiting) = await queue.LeaseAsync(BatchSize, stoppingToken);
        metrics.SetWaiting(waiting);
        if (mails.Count > 0)
        {
            await DeliverAsync(new Queue<LeasedMail>(mails), stoppingToken);
            await SaveAsync();
        }

        return mails.Count == BatchSize && closedBecause is null;
    }

    private async Task DeliverAsync(Queue<LeasedMail> mails, CancellationToken stoppingToken)
    {
        using var limit = new CancellationTokenSource(LongestConversation, clock);
        await using var stopping = stoppingToken.Register(() => limit.CancelAfter(LongestEnd));
        IMailConversation? conversation = null;
        try
        {
            while (mails.TryPeek(out var leased) && conversation is null or { IsOpen: true }
                && !limit.IsCancellationRequested && !stoppingToken.IsCancellationRequested)
            {
                if (leased.IsExpired)
                {
                    Expire(leased);
                }
                else
                {
                    conversation ??= await OpenAsync(limit.Token);
                    if (conversation is null)
                    {
                        PostponeAll(mails, closedBecause!);
                        return;
                    }

                    await SendAsync(leased, conversation, limit.Token);
                }

                mails.Dequeue();
                await SaveAsync();
            }
        }
        finally
        {
            foreach (var untried in mails)
            {
                unsaved.Enqueue(() => queue.ReleaseAsync(untried));
            }

            if (conversation is not null)
            {
                await conversation.DisposeAsync();
            }
        }
    }

    /// <returns>Null if the route is closed.</returns>
    private async Task<IMailConversation?> OpenAsync(CancellationToken limit)
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
                Refuse(leased, "the address is not one");
            }
            else if (await compose.RunAsync(leased, limit) is not { } message)
            {
                unsaved.Enqueue(() => queue.DeleteAsync(leased)); // no longer wanted
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
        // A defect, which must not hold up other mails. An outage of PostgreSQL ends the batch.
        catch (Exception exception) when (DatabaseUnavailable.Classify(exception) is null or { Kind: FaultKind.Ours })
        {
            LogFault(exception, mail.Kind, mail.Id);
            Postpone(leased, "it cannot be written");
        }
    }

    private void PostponeAll(Queue<LeasedMail> mails, string reason)
    {
        while (mails.TryDequeue(out var leased))
        {
            if (leased.IsExpired)
            {
                Expire(leased);
            }
            else
            {
                Postpone(leased, reason);
            }
        }
    }

    private void Postpone(LeasedMail leased, string reason)
    {
        unsaved.Enqueue(() => queue.PostponeAsync(leased));
        metrics.CountFailed(leased.Mail.Kind, "postponed");
        LogPostponed(leased.Mail.Kind, leased.Mail.Id, leased.Mail.UserId, leased.Mail.Attempts + 1, WithoutAddress(leased, reason));
    }

    private void Refuse(LeasedMail leased, string reason)
    {
        unsaved.Enqueue(() => queue.DeleteAsync(leased));
        metrics.CountFailed(leased.Mail.Kind, "refused");
        LogRefused(leased.Mail.Kind, leased.Mail.Id, leased.Mail.UserId, WithoutAddress(leased, reason));
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

    // Servers repeat the address in their answers, and logs hold no addresses.
    private static string WithoutAddress(LeasedMail leased, string reason)
    {
        reason = reason.Replace(leased.Mail.Address, "the address", StringComparison.OrdinalIgnoreCase);
        return reason.Length > 300 ? reason[..300] : reason;
    }

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
}
