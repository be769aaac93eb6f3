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
    }

    public void CountSent(string kind) => sent.Add(1, new KeyValuePair<string, object?>("kind", kind));

    /// <param name="kind">The mail.</param>
    /// <param name="reason"><c>postponed</c>, <c>refused</c> or <c>expired</c>.</param>
    public void CountFailed(string kind, string reason) =>
        failed.Add(1, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("reason", reason));

    public void SetWaiting(long count) => Interlocked.Exchange(ref waiting, count);
}
