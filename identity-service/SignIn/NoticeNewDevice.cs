using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;

namespace AuthMesh.Identity.SignIn;

/// <summary>
/// Mails the owner of an account that a new device signed in. A device is new if it brings no device cookie of the account. Scripts keep no
/// cookies: a program that is no browser is new only if no stored session of the account began in its network with its name.
/// </summary>
internal sealed class NoticeNewDevice(IdentityDb db, Outbox outbox, IOptions<MailOptions> mail, Throttle throttle, Budgets budgets)
{
    // No row for a device that is known. Nor for ten minutes after the address was proved: the first sign-in after an invitation is the
    // owner's. Every browser calls itself Mozilla, and many in one network have the same name.
    private const string Find =
        """
        SELECT s.device AS "Device", s.network AS "Network" FROM sessions s, users u
        WHERE s.id = {0} AND u.id = s.user_id AND u.email_verified_at < now() - interval '10 minutes'
            AND (s.device LIKE 'Mozilla/%' OR NOT EXISTS (
                SELECT 1 FROM sessions o WHERE o.user_id = s.user_id AND o.id <> s.id AND o.kind = s.kind
                    AND o.network = s.network AND o.device = s.device))
        """;

    /// <summary>Stores the mail in the session's transaction, if there is cause. Without a proved address it stores nothing.</summary>
    public async Task RunAsync(SignInTicket ticket, LiveSession session, CancellationToken cancellationToken)
    {
        if (ticket.KnownDevice is not null
            || session.Email is not { } address
            || mail.Value is not { IsConfigured: true, NewDeviceNotices: true }
            || await db.Database.SqlQueryRaw<Beginning>(Find, session.Id).ToListAsync(cancellationToken) is not [var beginning]
            || (await throttle.ReserveAsync(budgets.ForWarning(address), cancellationToken)).Reservation is null)
        {
            return;
        }

        var data = new Dictionary<string, string>
        {
            ["device"] = Device.KnownName(beginning.Device) ?? MailData.UnknownDevice,
            ["network"] = beginning.Network,
        };
        await outbox.NotifyAsync(session.UserId, MailKind.NewDevice, data, cancellationToken);
    }

    private sealed record Beginning(string Device, string Network);
}
