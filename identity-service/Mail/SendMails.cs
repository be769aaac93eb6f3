using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Mail;

/// <summary>
/// Delivers mails as they become due. Every replica runs this. With mail off, it sends no query. The signal wakes it for mails of this
/// replica; it polls for retries, and for mails of a replica that died.
/// </summary>
internal sealed partial class SendMails(
    DeliverMails deliver, Signal<SendMails> signal, Preparation preparation, IOptions<MailOptions> options, IHostEnvironment environment,
    TimeProvider clock, ILogger<SendMails> logger) : BackgroundService
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5), RetryInterval = TimeSpan.FromSeconds(1);

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
        await new Repeating(clock, Explain, LogFailed).RunAsync(RunAsync, stoppingToken);
    }

    // No fault may end the service, which does more than send mails.
    private static Setback? Explain(Exception exception) => exception is OperationCanceledException
        ? null : new Setback((DatabaseUnavailable.FindCause(exception) ?? exception).Message, RetryInterval);

    private async Task<TimeSpan?> RunAsync(CancellationToken stoppingToken)
    {
        var woken = signal.Next;
        if (!await deliver.RunAsync(stoppingToken))
        {
            await woken.WaitAsync(PollInterval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            stoppingToken.ThrowIfCancellationRequested();
        }

        return TimeSpan.Zero;
    }

    [LoggerMessage(LogLevel.Warning,
        "Mails go to files in {Folder} instead of to people. Its readers can reset passwords. For people, set Identity:Mail:Host")]
    private partial void LogFolder(string folder);

    [LoggerMessage(LogLevel.Warning, "The outbox cannot be read: {Reason}")]
    private partial void LogFailed(string reason);
}
