using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>Two replicas act on one code, or on a sign-in and what an application starts under it, at the same moment.</summary>
[Collection<OnTwoReplicas>]
public sealed class CodeRaceTests(TwoReplicas mesh)
{
    private const int Rounds = 200;

    [Fact]
    public async Task Of_two_hundred_uses_of_a_code_one_gets_tokens_which_the_others_end()
    {
        var (admin, user) = (await AdminAsync(), await mesh.Gateway.SignUpAsync());
        var flow = new CodeFlow(await mesh.Gateway.AddClientAsync(admin.Token));
        var code = await CodeAsync(flow, user, 0);

        var answers = await Together.RunAsync(200, i => mesh.Replica(i).TokenAsync(flow.Redemption(code)));

        var tokens = Assert.Single(answers, answer => answer.Status == 200);
        Assert.Equal(199, answers.Count(answer => answer is { Status: 400, Code: "invalid_grant" }));
        await AssertNothingIsUsableAsync(flow.Client, tokens);
        Assert.Equal(1, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM sessions WHERE application_id = $1", flow.Client.Id));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", user.Token)).Status); // the sign-in goes on
    }

    [Fact]
    public async Task No_session_of_an_application_outlives_the_sign_in_that_it_started_under()
    {
        var (admin, user) = (await AdminAsync(), await mesh.Gateway.SignUpAsync());
        var flow = new CodeFlow(await mesh.Gateway.AddClientAsync(admin.Token));
        Func<Caller, SignedIn, Task<Answer>>[] ends =
        [
            (replica, signIn) => replica.LogoutAsync(signIn.Token),
            (replica, signIn) => replica.LogoutAsync(body: new { refresh_token = signIn.RefreshToken }),
            (replica, signIn) => replica.CallAsync(HttpMethod.Delete, $"/account/sessions/{signIn.SessionId}", user.Token),
        ];
        var (race, started) = (new Race(), 0);
        for (var round = 0; round < Rounds; round++)
        {
            var signIn = await mesh.Gateway.SignInAgainAsync(user);
            var code = await CodeAsync(flow, signIn, round);

            var (end, tokens) = await race.RunAsync(
                () => ends[round % ends.Length](mesh.Replica(round), signIn),
                () => mesh.Replica(round + 1).TokenAsync(flow.Redemption(code)), answer => answer.Status == 200);

            Assert.Equal(200, end.Status);
            if (tokens.Status == 200)
            {
                started++;
                await AssertNothingIsUsableAsync(flow.Client, tokens);
            }
            else
            {
                tokens.AssertProtocolError(400, "invalid_grant");
            }
        }

        Assert.Equal(0, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM sessions WHERE application_id = $1 AND ended_at IS NULL", flow.Client.Id));
        Assert.InRange(started, 1, Rounds - 1); // otherwise no round was a race
    }

    [Fact]
    public async Task No_session_of_an_application_outlives_the_end_of_the_application()
    {
        var (admin, user) = (await AdminAsync(), await mesh.Gateway.SignUpAsync());
        var flow = new CodeFlow(await mesh.Gateway.AddClientAsync(admin.Token));
        var (race, started) = (new Race(), 0);
        for (var round = 0; round < Rounds / 4; round++)
        {
            var code = await CodeAsync(flow, user, round);

            var (end, tokens) = await race.RunAsync(
                () => mesh.Replica(round).ChangeApplicationAsync(admin.Token, flow.Client.Id, new { disabled = true }),
                () => mesh.Replica(round + 1).TokenAsync(flow.Redemption(code)), answer => answer.Status == 200);

            Assert.Equal(200, end.Status);
            Assert.Equal(
                200, (await mesh.Replica(round).ChangeApplicationAsync(admin.Token, flow.Client.Id, new { disabled = false })).Status);
            if (tokens.Status == 200)
            {
                started++;
                await AssertNothingIsUsableAsync(flow.Client, tokens);
            }
        }

        Assert.InRange(started, 1, (Rounds / 4) - 1);
    }

    private async Task AssertNothingIsUsableAsync(RegisteredClient client, Answer tokens)
    {
        (await mesh.Replica(0).RefreshAtAsync(client, tokens.RefreshToken())).AssertProtocolError(400, "invalid_grant");
        Assert.True(await mesh.Database.IsRevokedAsync(new JsonWebToken(tokens.Member("access_token"))));
    }

    /// <summary>Asks for a code as the gateway passes on a session cookie, which must succeed.</summary>
    private async Task<string> CodeAsync(CodeFlow flow, SignedIn signIn, int replica) =>
        (await mesh.Replica(replica).GetAsync(flow.Path(), signIn.Token)).LedBackTo(flow.Client.RedirectUri)["code"];

    private async Task<SignedIn> AdminAsync()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET role = 'admin' WHERE id = $1", user.UserId);
        return await mesh.Gateway.SignInAgainAsync(user);
    }
}
