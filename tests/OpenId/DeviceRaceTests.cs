using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.OpenId;

/// <summary>Two replicas act on one device at the same moment.</summary>
[Collection<OnTwoReplicas>]
public sealed class DeviceRaceTests(TwoReplicas mesh)
{
    [Fact]
    public async Task Of_two_hundred_questions_at_once_one_gets_tokens()
    {
        var (client, user) = (await AddClientAsync(), await mesh.Gateway.SignUpAsync());
        var begun = await mesh.Gateway.BeginDeviceAsync(client, "openid");
        Assert.Equal(303, (await DecideAsync(user, begun, "allow", 0)).Status);

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).AskAsync(client, begun));

        Assert.Equal(1, answers.Count(answer => answer.Status == 200));
        Assert.Equal(199, answers.Count(answer => answer is { Status: 400, Code: "invalid_grant" }));
        Assert.Equal(1, await CountSessionsAsync(client));
    }

    [Fact]
    public async Task Of_questions_at_once_each_but_the_first_is_early()
    {
        var client = await AddClientAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client, "openid");

        var answers = await Together.RunAsync(20, i => mesh.Replica(i).AskAsync(client, begun));

        Assert.Equal(1, answers.Count(answer => answer.Code == "authorization_pending"));
        Assert.Equal(19, answers.Count(answer => answer.Code == "slow_down"));
        Assert.Equal(100, await mesh.Database.ScalarAsync<int>(
            "SELECT interval_seconds FROM device_authorizations WHERE application_id = $1", client.Id));
    }

    [Fact]
    public async Task Of_two_decisions_at_once_one_counts()
    {
        var (client, one, other) = (await AddClientAsync(), await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignUpAsync());
        for (var round = 0; round < 40; round++)
        {
            var begun = await mesh.Gateway.BeginDeviceAsync(client, "openid");

            var answers = await Together.RunAsync(
                () => DecideAsync(one, begun, "allow", round), () => DecideAsync(other, begun, "refuse", round + 1),
                () => DecideAsync(other, begun, "allow", round));

            var winner = Assert.Single(answers, answer => answer.Status == 303);
            var tokens = await mesh.Replica(round).AskAsync(client, begun);
            Assert.Equal(winner == answers[1] ? 400 : 200, tokens.Status);
            if (winner != answers[1])
            {
                Assert.Equal(
                    (winner == answers[0] ? one : other).UserId.ToString(),
                    new Microsoft.IdentityModel.JsonWebTokens.JsonWebToken(tokens.Member("access_token")).Subject);
            }
        }
    }

    [Fact]
    public async Task No_token_of_a_device_is_usable_after_the_sign_out_of_the_sign_in_that_allowed_it()
    {
        var (client, race) = (await AddClientAsync(), new Race());
        var granted = 0;
        for (var round = 0; round < 60; round++)
        {
            var user = await mesh.Gateway.SignUpAsync();
            var begun = await mesh.Gateway.BeginDeviceAsync(client, "openid");
            Assert.Equal(303, (await DecideAsync(user, begun, "allow", round)).Status);

            var (logout, tokens) = await race.RunAsync(
                () => mesh.Replica(round).LogoutAsync(user.Token), () => mesh.Replica(round + 1).AskAsync(client, begun),
                answer => answer.Status == 200);

            Assert.Equal(200, logout.Status);
            if (tokens.Status == 200)
            {
                granted++;
                Assert.True(await mesh.Database.IsRevokedAsync(new(tokens.Member("access_token")!)));
                (await mesh.Replica(round).RefreshAtAsync(client, tokens.RefreshToken())).AssertProtocolError(400, "invalid_grant");
            }
        }

        Assert.InRange(granted, 1, 59); // otherwise no round was a race
    }

    private Task<Answer> DecideAsync(SignedIn user, Answer begun, string decision, int replica) => mesh.Replica(replica).SendAsync(
        HttpMethod.Post, "/device", new FormUrlEncodedContent([new("user_code", begun.UserCode()), new("decision", decision)]), request =>
        {
            request.Headers.Add("Origin", ProductionMesh.Issuer);
            request.Headers.Authorization = new("Bearer", user.Token); // as the gateway passes a session cookie on
        });

    private async Task<RegisteredClient> AddClientAsync()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);
        return await mesh.Gateway.AddDeviceClientAsync((await mesh.Gateway.SignInAgainAsync(user)).Token);
    }

    private Task<long> CountSessionsAsync(RegisteredClient client) =>
        mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE application_id = $1", client.Id);
}
