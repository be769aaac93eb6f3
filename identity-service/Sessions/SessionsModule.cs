using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Sessions;

internal static class SessionsModule
{
    // A dead session never becomes live again, so a session that is dead in the snapshot stays dead. Replicas skip each other's rows, and
    // rows that a request has locked. The trigger session_deleted writes no entry: verifiers already refuse a dead session's tokens.
    private static readonly PruneStatement Dead = new(
        "dead sessions",
        """
        WITH dead AS (
            SELECT s.id FROM sessions s LEFT JOIN users u ON u.id = s.user_id
            WHERE s.ended_at IS NOT NULL OR s.expires_at <= now() OR s.epoch < u.epoch
                OR s.kind = 'application' AND s.client_epoch <> (SELECT epoch FROM applications WHERE id = s.application_id)
            LIMIT @batch FOR UPDATE OF s SKIP LOCKED)
        DELETE FROM sessions USING dead WHERE sessions.id = dead.id
        """);

    public static readonly Module Instance = new("Sessions")
    {
        AddServices = services => services
            .AddScoped<StartSession>().AddScoped<RecordProof>().AddSingleton<IssueTokens>().AddSingleton<SessionCookies>()
            .AddScoped<Logout>().AddScoped<ListSessions>().AddScoped<EndSession>().AddScoped<EndOtherSessions>().AddSingleton(Dead)
            .AddHostedService<CountSessions>(),
        MapEndpoints = MapEndpoints,
        MapEntities = model => model.ApplyConfiguration(new SessionMapping()),
    };

    extension(IdentityDb db)
    {
        public DbSet<Session> Sessions => db.Set<Session>();
    }

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        Exchange.Map(app.MapInternal());

        var group = app.MapNoStore();
        Refresh.Map(group);
        Logout.Map(group);

        var own = group.MapForSignIns("/account/sessions");
        ListSessions.Map(own);
        EndSession.Map(own);
        EndOtherSessions.Map(own);
    }
}
