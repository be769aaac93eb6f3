using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Sessions;

/// <summary>Many callers refresh one session concurrently at two replicas. It advances one step, and nobody is signed out.</summary>
[Collection<OnTwoReplicas>]
public sealed class RefreshRaceTests(TwoReplicas mesh, ITestOutputHelper output)
{
    [Fact]
    public async Task Two_hundred_concurrent_refreshes_get_the_same_successor()
    {
        var user = await mesh.Replica(0).SignUpAsync();

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).RefreshAsync(user.RefreshToken));

        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        Assert.NotEqual(user.RefreshToken, Assert.Single(answers.Select(answer => answer.RefreshToken()).Distinct()));
        Assert.Equal(200, answers.Select(answer => answer.AccessToken().Id).Distinct().Count());
        Assert.Equal(1, await mesh.Database.CounterAsync(user.SessionId));
        Assert.Equal(200, (await mesh.Replica(1).GetAsync("/account", answers[0].Token)).Status);
    }

    [Fact]
    public async Task Tabs_that_refresh_concurrently_stay_on_the_same_token()
    {
        const int Tabs = 5, Steps = 40;
        var user = await mesh.Replica(0).SignUpAsync();
        var tokens = Enumerable.Repeat(user.RefreshToken, Tabs).ToArray();
        for (var step = 1; step <= Steps; step++)
        {
            var answers = await Together.RunAsync(Tabs, tab => mesh.Replica(tab).RefreshAsync(tokens[tab]));
            Assert.All(answers, answer => Assert.Equal(200, answer.Status));

            // In each round, one slow tab keeps its old token.
            var slow = step % Tabs;
            tokens = [.. answers.Select((answer, tab) => tab == slow ? tokens[tab] : answer.RefreshToken())];
            Assert.Single(answers.Select(answer => answer.RefreshToken()).Distinct());
            Assert.Equal(step, await mesh.Database.CounterAsync(user.SessionId));

            // The slow tab presents it within 30 seconds, together with others that have the newest.
            var second = await Together.RunAsync(Tabs, tab => mesh.Replica(tab + 1).RefreshAsync(tokens[tab]));
            Assert.All(second, answer => Assert.Equal(answers[0].RefreshToken(), answer.RefreshToken()));
            tokens = [.. second.Select(answer => answer.RefreshToken())];
            Assert.Equal(step, await mesh.Database.CounterAsync(user.SessionId));
            await mesh.Database.AgeStepAsync(user.SessionId, 30);
        }

        output.WriteLine($"{Steps} steps of {Tabs} tabs, one of them late each time: {Steps} steps in the table, nobody refused");
    }

    [Fact]
    public async Task Replicas_with_different_current_keys_give_the_same_successor()
    {
        var user = await mesh.Replica(0).SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE ring_keys SET state = 'Retired' WHERE purpose = 'RefreshToken'");
        await mesh.RestartAsync(1); // the restarted replica creates a new key
        Assert.Equal(2, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM ring_keys WHERE purpose = 'RefreshToken'"));

        var answers = await Together.RunAsync(10, i => mesh.Replica(i).RefreshAsync(user.RefreshToken));

        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        Assert.Single(answers.Select(answer => answer.RefreshToken()).Distinct());
        await mesh.RestartAsync(0); // so that both replicas know both keys in other tests
        Assert.Equal(answers[0].RefreshToken(), (await mesh.Replica(0).RefreshAsync(answers[1].RefreshToken())).RefreshToken());
    }

    [Fact]
    public async Task A_replay_during_refreshes_ends_the_session()
    {
        const int Rounds = 20;
        var names = await mesh.AddUsersAsync(Rounds);
        var refreshedFirst = 0;
        for (var round = 0; round < Rounds; round++)
        {
            var user = await mesh.Replica(round).SignInAsync(names[round], SessionCalls.Password);
            var newest = (await mesh.Replica(0).RefreshAsync(user.RefreshToken)).RefreshToken();
            await mesh.Database.AgeStepAsync(user.SessionId, 30);

            var answers = await Together.RunAsync(6, i => mesh.Replica(i).RefreshAsync(i == 0 ? user.RefreshToken : newest));

            Assert.Equal(401, answers[0].Status);
            Assert.True(await mesh.Database.HasEndedAsync(user.SessionId));
            Assert.Equal(1, await mesh.Database.ScalarAsync<long>(
                "SELECT count(*) FROM revocations WHERE kind = 'session-ended' AND subject = $1", user.SessionId.ToString()));
            refreshedFirst += answers.Any(answer => answer.Status == 200) ? 1 : 0;
            await mesh.AssertNothingIsUsableAsync(answers);
        }

        output.WriteLine($"{Rounds} replays among refreshes, which came first {refreshedFirst} times: {Rounds} sessions ended");
    }
}
