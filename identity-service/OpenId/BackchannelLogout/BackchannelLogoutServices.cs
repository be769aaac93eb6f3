using System.Net;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

internal static class BackchannelLogoutServices
{
    // Three tries lie within a minute, so these wait for an application that had more ended sessions in a day than it takes.
    private static readonly PruneStatement Late = new(
        "ended sessions of which no application could be told in a day",
        """
        DELETE FROM logout_deliveries WHERE id = ANY (ARRAY(
            SELECT id FROM logout_deliveries WHERE created_at < now() - interval '1 day' LIMIT @batch FOR UPDATE SKIP LOCKED))
        """);

    public static IServiceCollection AddBackchannelLogout(this IServiceCollection services) => services
        .AddSingleton<Signal<DeliverLogouts>>()
        .AddSingleton<Signal<SweepSessions>>()
        .AddSingleton(provider => new NotifiedWorker(
            "authmesh_logouts",
            () =>
            {
                provider.GetRequiredService<Signal<SweepSessions>>().Wake();
                provider.GetRequiredService<Signal<DeliverLogouts>>().Wake();
            }))
        .AddSingleton<LogoutTokens>()
        .AddSingleton<LogoutQueue>()
        .AddSingleton<LogoutMetrics>()
        .AddSingleton(provider => new LogoutConnections(provider.GetRequiredService<LogoutNetworks>(), Dns.GetHostAddressesAsync))
        .AddSingleton<SendLogoutToken>()
        .AddSingleton(Late)
        .AddHostedService<DeliverLogouts>()
        .AddHostedService<SweepSessions>();
}
