using AuthMesh.LocalMesh;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.OpenId;

/// <summary>Two replicas tell applications of the sessions that either of them ended.</summary>
[Collection<OnTwoReplicas>]
public sealed class LogoutReplicaTests(TwoReplicas replicas, ProductionMesh mesh)
{
    private const int Sessions = 40;

    [Fact]
    public async Task Whichever_replica_ends_a_session_an_application_is_told_of_it_once()
    {
        await using var endpoint = await LogoutEndpoint.StartAsync();
        var user = await replicas.Replica(0).SignUpAsync();
        var (application, name) = await AddAsync(replicas.Database, endpoint);
        var signIns = await Together.RunAsync(Sessions, i => replicas.Replica(i).SignInAgainAsync(user));
        await replicas.Database.ExecuteAsync(
            """
            INSERT INTO sessions (
                id, kind, user_id, application_id, parent_id, epoch, client_epoch, scopes, created_at, last_used_at, expires_at, device)
            SELECT gen_random_uuid(), 'application', s.user_id, a.id, s.id, s.epoch, a.epoch, '{openid}', now(), now(), s.expires_at, ''
            FROM sessions s, applications a WHERE s.user_id = $1 AND s.kind = 'sign_in' AND a.id = $2
            """,
            user.UserId, application);
        var expected = (await replicas.Database.ScalarAsync<Guid[]>(
            "SELECT array_agg(id) FROM sessions WHERE application_id = $1", application)).ToList();
        Assert.Equal(Sessions + 1, expected.Count);

        await Together.RunAsync(Sessions, i => replicas.Replica(i).LogoutAsync(signIns[i].Token));
        expected.Remove(await replicas.Database.ScalarAsync<Guid>(
            "SELECT id FROM sessions WHERE application_id = $1 AND ended_at IS NULL", application)); // of the sign-up

        await endpoint.UntilToldAsync([.. expected]);
        await Patience.UntilAsync(() => replicas.Database.ScalarAsync<bool>(
            "SELECT count(*) = 0 FROM logout_deliveries WHERE client_id = $1", name));
        await endpoint.UntilToldAsync([.. expected]);
    }

    [Fact]
    public async Task A_replica_that_stops_finishes_the_tries_that_are_under_way()
    {
        await using var endpoint = await LogoutEndpoint.StartAsync();
        var released = new TaskCompletionSource();
        endpoint.Answer = _ => released.Task;
        await using var own = await OwnDatabase.CreateAsync(mesh);
        own.Settings["Identity:BackchannelLogout:AllowedNetworks:0"] = Loopback.Address.ToString();
        own.Settings["AuthMesh:ShutdownGrace"] = "00:00:00";
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        await AddAsync(own.Database, endpoint);
        await own.Database.ExecuteAsync(
            """
            INSERT INTO logout_deliveries (id, client_id, uri, session_id, user_id, created_at, next_attempt_at)
            SELECT gen_random_uuid(), client_id, backchannel_logout_uri, gen_random_uuid(), gen_random_uuid(), now(), now()
            FROM applications WHERE backchannel_logout_uri IS NOT NULL
            """);
        await own.Database.ExecuteAsync("SELECT pg_notify('authmesh_logouts', '')");
        await endpoint.UntilReceivedAsync(1);

        var stopping = service.StopAsync();
        // Nothing else holds it up. Released at once, the try could end before the workers stop.
        await Task.WhenAny(stopping, Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken));
        Assert.False(stopping.IsCompleted);
        released.SetResult();
        await stopping;

        Assert.Equal(0, await own.Database.ScalarAsync<long>("SELECT count(*) FROM logout_deliveries"));
        Assert.Single(endpoint.Received);
    }

    private static async Task<(Guid Id, string Name)> AddAsync(Database database, LogoutEndpoint endpoint)
    {
        var (id, name) = (Guid.NewGuid(), ProductionMesh.NewName());
        await database.ExecuteAsync(
            """
            INSERT INTO applications (id, client_id, name, kind, grants, scopes, backchannel_logout_uri, created_at)
            VALUES ($1, $2, $2, 'web', '{authorization_code}', '{openid}', $3, now())
            """,
            id, name, endpoint.Address.AbsoluteUri);
        return (id, name);
    }
}
