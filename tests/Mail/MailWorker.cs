using AuthMesh.Identity;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Mail;

/// <summary>The mail part of one replica, without a process, on a real database. Nothing runs until a test starts it.</summary>
internal sealed class MailWorker : IAsyncDisposable
{
    public const string From = "The Example <no-reply@example.test>";

    private readonly WebApplication app;

    /// <param name="connectionString">The database.</param>
    /// <param name="settings">Settings of <c>Identity:Mail</c>.</param>
    /// <param name="link">Makes the links of all kinds that have one.</param>
    /// <param name="clock">The clock of the process; PostgreSQL has its own.</param>
    public MailWorker(
        string connectionString, Dictionary<string, string?> settings,
        Func<OutgoingMail, CancellationToken, Task<string?>>? link = null, TimeProvider? clock = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["Identity:MasterKey"] = Convert.ToBase64String(new byte[32]),
            ["Identity:Database:ConnectionString"] = connectionString,
        });
        builder.Configuration.AddInMemoryCollection(settings.Select(
            setting => KeyValuePair.Create($"Identity:Mail:{setting.Key}", setting.Value)));
        builder.AddAuthMeshDefaults();
        builder.Services.AddIdentitySettings().AddModules()
            .AddSingleton<ILogger<DeliverMails>>(Log)
            .AddSingleton<ILogger<SendMails>>(LoopLog)
            .RemoveAll<MailLink>()
            .RemoveAll<PreparationStep>(); // keys and first users, which mails do not need
        builder.Services.AddSingleton(clock ?? TimeProvider.System);
        foreach (var kind in Enum.GetValues<MailKind>().Where(MailData.HasLink))
        {
            builder.Services.AddSingleton(new MailLink(
                kind, (_, mail, cancellationToken) => link?.Invoke(mail, cancellationToken) ?? Task.FromResult<string?>(Link(mail))));
        }

        app = builder.Build();
    }

    public LogLines<DeliverMails> Log { get; } = new();

    public LogLines<SendMails> LoopLog { get; } = new();

    public IServiceProvider Services => app.Services;

    public static string Link(OutgoingMail mail) => $"{ProductionMesh.Issuer}/link?token={mail.Id:N}";

    /// <summary>Settings that send to this server.</summary>
    public static Dictionary<string, string?> To(SmtpServer server) => new()
    {
        ["Host"] = Loopback.Address.ToString(),
        ["Port"] = server.Port.ToString(System.Globalization.CultureInfo.InvariantCulture),
        ["Tls"] = server.Tls.ToString(),
        ["From"] = From,
    };

    /// <summary>Delivers the mails that are due.</summary>
    public Task<bool> DeliverAsync() => Services.GetRequiredService<DeliverMails>().RunAsync(TestContext.Current.CancellationToken);

    /// <summary>Starts what a service starts: the preparation, and the loop that waits for mails.</summary>
    public async Task StartAsync()
    {
        foreach (var service in Services.GetServices<IHostedService>()
            .Where(service => service is SendMails or Preparation))
        {
            await service.StartAsync(TestContext.Current.CancellationToken);
        }
    }

    /// <summary>Does something with the outbox in a scope of its own, like a request.</summary>
    public async Task WithOutboxAsync(Func<Outbox, Task> work)
    {
        await using var scope = Services.CreateAsyncScope();
        await work(scope.ServiceProvider.GetRequiredService<Outbox>());
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var service in Services.GetServices<IHostedService>().OfType<SendMails>())
        {
            await service.StopAsync(CancellationToken.None);
        }

        await app.DisposeAsync();
    }
}
