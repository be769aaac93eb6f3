using System.Diagnostics.Metrics;

namespace AuthMesh.Identity.Mail;

internal sealed class MailMetrics
{
    private readonly Counter<long> sent, failed;
    private long waiting;

    public MailMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("AuthMesh.Identity");
        sent = meter.CreateCounter<long>("authmesh.mail.sent", "{mail}", "Mails that the SMTP server took, by kind.");
        failed = meter.CreateCounter<long>("authmesh.mail.failed", "{mail}", "Attempts to send that failed, by kind and reason.");
        meter.CreateObservableUpDownCounter(
            "authmesh.mail.waiting", () => Interlocked.Read(ref waiting), "{mail}", "Mails in the outbox, of all replicas together.");
        foreach (var kind in Enum.GetNames<MailKind>()) // so that an alert sees the increase by the first one
        {
            CountSent(kind, number: 0);
            CountFailed(kind, "postponed", number: 0);
            CountFailed(kind, "refused", number: 0);
            CountFailed(kind, "expired", number: 0);
        }
    }

    public void CountSent(string kind, int number = 1) => sent.Add(number, new KeyValuePair<string, object?>("kind", kind));

    /// <param name="kind">The mail.</param>
    /// <param name="reason"><c>postponed</c>, <c>refused</c> or <c>expired</c>.</param>
    /// <param name="number">How many.</param>
    public void CountFailed(string kind, string reason, int number = 1) =>
        failed.Add(number, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("reason", reason));

    public void SetWaiting(long count) => Interlocked.Exchange(ref waiting, count);
}
