using System.Globalization;
using System.Text;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.Accounts;

/// <summary>Step-up: a signed-in caller proves again who they are.</summary>
public sealed class ReauthenticateTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_token_says_when_and_how_its_user_signed_in_and_a_refresh_changes_neither()
    {
        var user = await mesh.Gateway.SignUpAsync();

        var first = user.Answer.AccessToken();
        AssertRecent(first);
        Assert.Equal("aal1", first.GetClaim("acr").Value);
        Assert.Equal(["pwd"], first.Claims.Where(claim => claim.Type == "amr").Select(claim => claim.Value));

        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromDays(1));
        var refreshed = (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AccessToken();
        Assert.InRange(ProvedAgo(refreshed), TimeSpan.FromDays(1), TimeSpan.FromDays(1) + TimeSpan.FromMinutes(2));
    }

    [Fact]
    public async Task The_right_password_gives_a_token_and_a_cookie_with_a_fresh_proof()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromDays(1));
        var refreshed = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        var answer = await mesh.Gateway.ReauthenticateAsync(refreshed.Token, user.Password);

        Assert.Equal(200, answer.Status);
        Assert.Equal(
            ["status", "message", "token", "token_type", "expires_in"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        AssertRecent(answer.AccessToken());
        Assert.Equal(user.SessionId, answer.AccessToken().SessionId());

        // 1. The old cookie opens nothing, so that no gateway goes on with the token that it keeps for it.
        (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).AssertError(401, "invalid_session");
        AssertRecent((await mesh.Identity.ExchangeAsync(new { cookie = answer.Cookie() })).AccessToken());

        // 2. The session goes on with its refresh token, and the next token has the proof. An earlier token stays as it was.
        AssertRecent((await mesh.Gateway.RefreshAsync(refreshed.RefreshToken())).AccessToken());
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", refreshed.Token)).Status);
    }

    [Fact]
    public async Task A_wrong_password_proves_nothing()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromDays(1));
        var before = await MethodsAsync(user);

        (await mesh.Gateway.ReauthenticateAsync(user.Token, "a wrong password")).AssertError(403, "wrong_password");

        Assert.Equal(before, await MethodsAsync(user));
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"password":""}""")]
    [InlineData("""{"password":null}""")]
    [InlineData("""{"password":"a password for a test","password":"a password for a test"}""")]
    [InlineData("""{"password":"a password for a test","recovery_code":"abc"}""")]
    [InlineData("""{"password":["a password for a test"]}""")]
    public async Task A_body_without_exactly_one_password_is_400(string body)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/account/reauthenticate", new StringContent(body, Encoding.UTF8, "application/json"),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Code));
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);
    }

    [Fact]
    public async Task A_changed_password_is_a_fresh_proof_too()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromDays(1));

        var changed = await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, "another password");

        AssertRecent(changed.AccessToken());
        Assert.Equal(1, await mesh.Database.ScalarAsync<int>("SELECT factors_epoch FROM users WHERE id = $1", user.UserId));
    }

    private Task<string> MethodsAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<string>("SELECT methods::text FROM sessions WHERE id = $1", user.SessionId);

    private static TimeSpan ProvedAgo(JsonWebToken token) => TimeProvider.System.GetUtcNow()
        - DateTimeOffset.FromUnixTimeSeconds(long.Parse(token.GetClaim("auth_time").Value, CultureInfo.InvariantCulture));

    private static void AssertRecent(JsonWebToken token) =>
        Assert.InRange(ProvedAgo(token), TimeSpan.FromSeconds(-2), TimeSpan.FromMinutes(2));
}
