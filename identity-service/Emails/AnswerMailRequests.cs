using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.Emails;

/// <summary>
/// Answers forgotten passwords: finds out which requests name an account with a proved address, and mails it a link. Every replica runs
/// this.
/// </summary>
internal sealed partial class AnswerMailRequests(
    IServiceScopeFactory scopes, Signal<AnswerMailRequests> signal, Preparation preparation, IOptions<MailOptions> mail, TimeProvider clock,
    ILogger<AnswerMailRequests> logger) : BackgroundService
{
    // How late a request is noticed whose replica has died.
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(5);

    // The work begins only then, or the next answer would take longer after a request for an account that exists.
    private static readonly TimeSpan Distance = TimeSpan.FromMilliseconds(500);

    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

    private const string Take =
        """
        DELETE FROM mail_requests WHERE id = (SELECT id FROM mail_requests ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING account AS "Account", network AS "Network", language AS "Language"
        """;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (!mail.Value.IsConfigured)
        {
            return;
        }

        await preparation.Completed.WaitAsync(stoppingToken);
        await new Repeating(clock, Explain, LogWaiting).RunAsync(RunAsync, stoppingToken);
    }

    private static Setback? Explain(Exception exception) =>
        DatabaseUnavailable.FindCause(exception) is { } cause ? new Setback(cause.Message, RetryInterval) : null;

    private async Task<TimeSpan?> RunAsync(CancellationToken stoppingToken)
    {
        var woken = signal.Next;
        while (await AnswerNextAsync(stoppingToken))
        {
        }

        await woken.WaitAsync(PollInterval, clock, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stoppingToken.ThrowIfCancellationRequested();
        return woken.IsCompleted ? Distance : TimeSpan.Zero;
    }

    /// <returns>Whether a request was waiting.</returns>
    private async Task<bool> AnswerNextAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<IdentityDb>();
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await db.Database.SqlQueryRaw<TakenRequest>(Take).ToListAsync(cancellationToken) is not [var request])
        {
            return false;
        }

        var owner = await SignInName.Parse(request.Account).FindIn(db.Users.AsNoTracking())
            .Select(user => new { user.Id, user.Email, user.Language, IsDisabled = user.DisabledAt != null })
            .FirstOrDefaultAsync(cancellationToken);
        if (owner is { Email: { } address, IsDisabled: false } && await HasRoomAsync(scope.ServiceProvider, address, request.Network))
        {
            await scope.ServiceProvider.GetRequiredService<Outbox>().AddAsync(
                owner.Id, MailKind.PasswordReset, address, owner.Language ?? request.Language, new Dictionary<string, string>(),
                Outbox.ResetLifetime, cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
        return true;

        async Task<bool> HasRoomAsync(IServiceProvider services, string to, string network) =>
            (await services.GetRequiredService<Throttle>().ReserveAsync(
                services.GetRequiredService<Budgets>().ForMail(to, network), cancellationToken)).Reservation is not null;
    }

    [LoggerMessage(LogLevel.Warning, "Forgotten passwords wait: {Reason}")]
    private partial void LogWaiting(string reason);

    private sealed record TakenRequest(string Account, string Network, string Language);
}
