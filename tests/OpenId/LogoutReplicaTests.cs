using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.OpenId;

/// <summary>Two replicas tell applications of the sessions that either of them ended.</summary>
[Collection<OnTwoReplicas>]
public sealed class LogoutReplicaTests(TwoReplicas replicas)
{
    private const int Sessions = 40;

    [Fact]
    public async Task Whichever_replica_ends_a_session_an_application_is_told_of_it_once()
    {
        await using var endpoint = await LogoutEndpoint.StartAsync();
        var user = await replicas.Replica(0).SignUpAsync();
        var (application, name) = (Guid.NewGuid(), ProductionMesh.NewName());
        await replicas.Database.ExecuteAsync(
            """
            INSERT INTO applications (id, client_id, name, kind, grants, scopes, backchannel_logout_uri, created_at)
            VALUES ($1, $2, $2, 'web', '{authorization_code}', '{openid}', $3, now())
            """,
            application, name, endpoint.Address.AbsoluteUri);
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
}
