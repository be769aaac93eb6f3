using System.Diagnostics.Metrics;
using AuthMesh.Identity.Mail;
using AuthMesh.LocalMesh;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Mail;

/// <summary>What a replica's worker does in one round, without its loop.</summary>
internal sealed class MailWorker
{
    private static readonly ServiceProvider Services = new ServiceCollection().AddMetrics().BuildServiceProvider();

    private readonly DeliverMails deliver;

    /// <param name="database">The database.</param>
    /// <param name="mail">The section <c>Identity:Mail</c>.</param>
    /// <param name="link">Makes the links of all kinds that have one.</param>
    /// <param name="clock">The clock of the process; PostgreSQL has its own.</param>
    public MailWorker(
        MailDatabase database, MailOptions mail, Func<OutgoingMail, CancellationToken, Task<string?>>? link = null,
        TimeProvider? clock = null)
    {
        clock ??= TimeProvider.System;
        link ??= (mail, _) => Task.FromResult<string?>(Link(mail));
        var compose = new ComposeMail(
            Enum.GetValues<MailKind>().Where(MailData.HasLink)
                .Select(kind => new MailLink(kind, (_, mail, cancellationToken) => link(mail, cancellationToken))),
            Options.Create(mail), Options.Create(new AuthMeshOptions { Issuer = ProductionMesh.Issuer }),
            Services.GetRequiredService<IServiceScopeFactory>(), clock);
        deliver = new DeliverMails(
            new MailQueue(database.Primary), MailModule.CreateRoute(mail, ProductionMesh.Issuer), compose,
            new MailMetrics(Meters), clock, Log);
    }

    /// <summary>Creates the meters of all workers, and no others.</summary>
    public static IMeterFactory Meters => Services.GetRequiredService<IMeterFactory>();

    public LogLines<DeliverMails> Log { get; } = new();

    public static string Link(OutgoingMail mail) => $"{ProductionMesh.Issuer}/link?token={mail.Id:N}";

    /// <summary>Settings that send to this server.</summary>
    public static MailOptions To(SmtpServer server) => new()
    {
        Host = Loopback.Address.ToString(),
        Port = server.Port,
        Tls = server.Tls,
        From = "The Example <no-reply@example.test>",
    };

    /// <summary>Delivers the mails that are due.</summary>
    public Task<bool> DeliverAsync() => deliver.RunAsync(TestContext.Current.CancellationToken);
}
