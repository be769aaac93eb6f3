using AuthMesh.Identity;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Tests.Mail;

/// <summary>A replica as the service wires it, without a process. It begins to send mails when a test starts it.</summary>
internal sealed class MailReplica : IAsyncDisposable
{
    private readonly WebApplication app;

    /// <param name="database">The database.</param>
    /// <param name="mail">Settings of <c>Identity:Mail</c>.</param>
    /// <param name="clock">The clock of the process; PostgreSQL has its own.</param>
    public MailReplica(MailDatabase database, Dictionary<string, string?> mail, TimeProvider? clock = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { EnvironmentName = "Production" });
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["AuthMesh:Issuer"] = ProductionMesh.Issuer,
            ["AuthMesh:ServiceKey"] = ProductionMesh.ServiceKey,
            ["Identity:MasterKey"] = Convert.ToBase64String(new byte[32]),
            ["Identity:Database:ConnectionString"] = database.ConnectionString,
        });
        builder.Configuration.AddInMemoryCollection(mail.Select(
            setting => KeyValuePair.Create($"Identity:Mail:{setting.Key}", setting.Value)));
        builder.AddAuthMeshDefaults();
        builder.Logging.ClearProviders();
        builder.Services.AddIdentitySettings().AddModules()
            .AddSingleton<ILogger<SendMails>>(Log)
            .AddSingleton(clock ?? TimeProvider.System)
            .RemoveAll<PreparationStep>(); // keys and first users, which mails do not need
        app = builder.Build();
    }

    public LogLines<SendMails> Log { get; } = new();

    public IServiceProvider Services => app.Services;

    private SendMails Loop => Services.GetServices<IHostedService>().OfType<SendMails>().Single();

    /// <summary>Starts the loop that waits for mails.</summary>
    /// <returns>The loop's end.</returns>
    public async Task<Task> StartAsync()
    {
        await Services.GetRequiredService<Preparation>().StartAsync(TestContext.Current.CancellationToken);
        await Loop.StartAsync(TestContext.Current.CancellationToken);
        return Loop.ExecuteTask!;
    }

    /// <summary>Does something with the outbox in a scope of its own, like a request.</summary>
    public async Task WithOutboxAsync(Func<Outbox, Task> work)
    {
        await using var scope = Services.CreateAsyncScope();
        await work(scope.ServiceProvider.GetRequiredService<Outbox>());
    }

    public async ValueTask DisposeAsync()
    {
        await Loop.StopAsync(CancellationToken.None);
        await Services.GetRequiredService<Preparation>().StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }
}
