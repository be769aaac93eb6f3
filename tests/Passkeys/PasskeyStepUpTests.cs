using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Passkeys;

/// <summary>A signed-in caller proves again who they are, by passkey.</summary>
public sealed class PasskeyStepUpTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_passkey_proves_two_factors_to_the_session()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE id = $1", user.UserId);
        (await mesh.Gateway.OfferPasskeyAsync(user.Token)).AssertError(401, "insufficient_user_authentication");

        var offer = await mesh.Gateway.OfferStepUpAsync(user.Token);
        var proved = await mesh.Gateway.StepUpByPasskeyAsync(user.Token, passkey.Sign(offer.Options()), offer.State());

        Assert.Single(offer.Options().GetProperty("allowCredentials").EnumerateArray());
        Assert.Equal(200, proved.Status);
        Assert.Equal(user.SessionId, proved.AccessToken().SessionId());
        Assert.Equal("aal2", proved.AccessToken().GetClaim("acr").Value);
        (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).AssertError(401, "invalid_session");
        Assert.Equal("aal2", (await mesh.Identity.ExchangeAsync(new { cookie = proved.Cookie() })).AccessToken().GetClaim("acr").Value);
        Assert.Equal(200, (await mesh.Gateway.OfferPasskeyAsync(proved.Token)).Status);
        await mesh.AssertEventsAsync("reauthenticated", user.UserId, 1);
    }

    [Fact]
    public async Task A_challenge_counts_once_and_only_for_its_user_and_purpose()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var (other, otherPasskey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var (offer, login, others) = (
            await mesh.Gateway.OfferStepUpAsync(user.Token), await mesh.Gateway.OfferPasskeyLoginAsync(),
            await mesh.Gateway.OfferStepUpAsync(other.Token));
        Task<Answer> SendAsync(SoftwarePasskey signer, Answer made, string? state = null) =>
            mesh.Gateway.StepUpByPasskeyAsync(user.Token, signer.Sign(made.Options()), state ?? made.State());

        (await SendAsync(passkey, login)).AssertError(400, "invalid_or_expired_token");
        (await SendAsync(passkey, others)).AssertError(400, "invalid_or_expired_token");
        (await SendAsync(passkey, offer, "junk")).AssertError(400, "invalid_or_expired_token");
        (await SendAsync(otherPasskey, offer)).AssertError(403, "passkey_refused");
        (await SendAsync(passkey, others, offer.State())).AssertError(403, "passkey_refused");
        await mesh.AssertEventsAsync("reauthentication_failed", user.UserId, 2);
        Assert.Equal(200, (await SendAsync(passkey, offer)).Status);
        (await SendAsync(passkey, offer)).AssertError(400, "invalid_or_expired_token");
    }

    [Fact]
    public async Task A_count_that_goes_back_proves_nothing()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        passkey.Count = 9;
        Assert.Equal(200, (await mesh.Gateway.StepUpByPasskeyAsync(user.Token, passkey)).Status);
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromDays(1));
        passkey.Count = 8;

        (await mesh.Gateway.StepUpByPasskeyAsync(user.Token, passkey)).AssertError(403, "passkey_refused");

        await mesh.AssertEventsAsync("passkey_counter_regressed", user.UserId, 1);
        Assert.DoesNotContain(
            "passkey", await mesh.Database.ScalarAsync<string>("SELECT methods::text FROM sessions WHERE id = $1", user.SessionId),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_caller_without_a_passkey_gets_no_options()
    {
        var user = await mesh.Gateway.SignUpAsync();

        (await mesh.Gateway.OfferStepUpAsync(user.Token)).AssertError(404, "passkey_not_found");
    }

    [Theory]
    [InlineData("""{"passkey":{}}""")]
    [InlineData("""{"passkey":null}""")]
    [InlineData("""{"passkey":"text"}""")]
    [InlineData("""{"passkey":{"credential":{}}}""")]
    [InlineData("""{"passkey":{"state":"x"}}""")]
    [InlineData("""{"passkey":{"credential":[],"state":"x"}}""")]
    [InlineData("""{"passkey":{"credential":{},"state":"x","more":1}}""")]
    [InlineData("""{"passkey":{"credential":{},"state":"x"},"password":"a password for a test"}""")]
    public async Task Another_form_is_400(string body)
    {
        var user = await mesh.Gateway.SignUpAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/account/reauthenticate", new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
            request => request.Headers.Authorization = new("Bearer", user.Token));

        Assert.Equal((400, "invalid_request"), (answer.Status, answer.Code));
    }
}
