using System.Globalization;
using AuthMesh.Tests.Emails;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tokens;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.ApiKeys;

/// <summary>The exchange of a key for an access token, what ends a key, and what does not.</summary>
public sealed class ExchangeKeyTests(ProductionMesh mesh)
{
    [Theory]
    [InlineData("orders.read", null)]
    [InlineData("orders.read mesh", "user")]
    [InlineData("mesh", "user")]
    public async Task The_token_of_a_key_has_its_scopes_and_no_proof_and_a_role_only_with_mesh(string scopes, string? role)
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, scopes.Split(' '));

        var answer = await mesh.Identity.ExchangeKeyAsync(key.Key);

        Assert.Equal(200, answer.Status);
        Assert.Equal(["token", "expires_in"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("no-store", answer.Header("Cache-Control"));
        var token = answer.AccessToken();
        Assert.Equal((user.UserId, key.Id), (token.UserId(), token.SessionId()));
        Assert.Equal(scopes, token.GetClaim("scope").Value);
        Assert.Equal(role, token.TryGetPayloadValue<string>("role", out var claim) ? claim : null);
        Assert.All((string[])["auth_time", "acr", "amr"], name => Assert.False(token.TryGetClaim(name, out _), name));
    }

    [Theory]
    [InlineData("UPDATE sessions SET ended_at = now() WHERE id = $1")]
    [InlineData("UPDATE sessions SET expires_at = now() WHERE id = $1")]
    [InlineData("UPDATE sessions SET epoch = 1 WHERE id = $1")]
    [InlineData("UPDATE users SET epoch = 1 WHERE id = (SELECT user_id FROM sessions WHERE id = $1)")]
    [InlineData("UPDATE users SET disabled_at = now() WHERE id = (SELECT user_id FROM sessions WHERE id = $1)")]
    [InlineData("DELETE FROM sessions WHERE id = $1")]
    [InlineData("DELETE FROM users WHERE id = (SELECT user_id FROM sessions WHERE id = $1)")]
    public async Task A_key_that_is_not_live_is_refused(string kill)
    {
        var key = await mesh.Gateway.AddKeyAsync((await mesh.Gateway.SignUpAsync()).Token, "mesh");
        Assert.Equal(200, (await mesh.Identity.ExchangeKeyAsync(key.Key)).Status);

        Assert.Equal(1, await mesh.Database.ExecuteAsync(kill, key.Id));

        (await mesh.Identity.ExchangeKeyAsync(key.Key)).AssertError(401, "invalid_key");
    }

    [Fact]
    public async Task A_token_does_not_outlive_its_key_and_use_does_not_prolong_the_key()
    {
        var key = await mesh.Gateway.AddKeyAsync((await mesh.Gateway.SignUpAsync()).Token, "mesh");
        await mesh.Database.ExecuteAsync("UPDATE sessions SET expires_at = now() + interval '10 minutes' WHERE id = $1", key.Id);

        var answer = await mesh.Identity.ExchangeKeyAsync(key.Key);

        Assert.InRange(int.Parse(answer.Member("expires_in")!, CultureInfo.InvariantCulture), 540, 600);
        Assert.True(answer.AccessToken().ValidTo <= await mesh.Database.ScalarAsync<DateTime>(
            "SELECT expires_at FROM sessions WHERE id = $1 AND expires_at < now() + interval '11 minutes'", key.Id));
    }

    [Fact]
    public async Task The_last_use_is_written_once_a_minute()
    {
        var key = await mesh.Gateway.AddKeyAsync((await mesh.Gateway.SignUpAsync()).Token, "mesh");

        var first = await UseAsync();
        Assert.Equal(first, await UseAsync());
        await mesh.Database.ExecuteAsync("UPDATE sessions SET last_used_at = last_used_at - interval '61 seconds' WHERE id = $1", key.Id);
        Assert.True(await UseAsync() > first);

        async Task<DateTime> UseAsync()
        {
            Assert.Equal(200, (await mesh.Identity.ExchangeKeyAsync(key.Key)).Status);
            return await mesh.Database.ScalarAsync<DateTime>(
                "SELECT last_used_at FROM sessions WHERE id = $1 AND last_used_at > created_at", key.Id);
        }
    }

    [Fact]
    public async Task Any_text_other_than_the_exact_key_is_refused()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = (await mesh.Gateway.AddKeyAsync(user.Token, "mesh")).Key;
        string[] others =
        [
            "", "x", KeyText.Create(), key[..^1], key + "0", " " + key, key + "\n", key[3..], key.ToUpperInvariant(), "Bearer " + key,
            key + "\u200b", new string('a', 10_000), user.Token, user.RefreshToken, user.Cookie, "\0",
        ];

        foreach (var other in others)
        {
            (await mesh.Identity.ExchangeKeyAsync(other)).AssertError(401, "invalid_key");
        }

        (await mesh.Identity.ExchangeKeyAsync(null)).AssertError(400, "invalid_request", fields: "key");
        Assert.Equal(200, (await mesh.Identity.ExchangeKeyAsync(key)).Status);
    }

    [Fact]
    public async Task The_gateway_does_not_expose_the_exchange_and_the_service_key_is_required()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = (await mesh.Gateway.AddKeyAsync(user.Token, "mesh")).Key;

        (await mesh.Gateway.ExchangeKeyAsync(key)).AssertError(404, "not_found");
        (await mesh.Identity.PostAsync("/internal/keys/exchange", new { key })).AssertError(401, "invalid_service_key");
        (await mesh.Identity.ExchangeKeyAsync(key, ProductionMesh.ServiceKey + "x")).AssertError(401, "invalid_service_key");
    }

    [Fact]
    public async Task A_key_at_another_door_and_another_credential_at_its_door_are_refused_and_end_nothing()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");
        var token = await mesh.Identity.KeyTokenAsync(key.Key);

        (await mesh.Gateway.RefreshAsync(key.Key)).AssertError(401, "invalid_refresh_token");
        (await mesh.Identity.ExchangeAsync(new { cookie = key.Key })).AssertError(401, "invalid_session");
        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(key.Key)).Status); // a logout says nothing about what it was given
        Assert.Equal(200, (await mesh.Gateway.LogoutAsync(token)).Status);
        Assert.Equal(200, (await mesh.Identity.LogoutAsync(token, new { refresh_token = key.Key })).Status);
        (await mesh.Gateway.ReportKeyAsync(user.RefreshToken)).AssertError(404, "key_not_found");
        (await mesh.Gateway.ReportKeyAsync(user.Cookie)).AssertError(404, "key_not_found");
        (await mesh.Identity.ExchangeKeyAsync(user.RefreshToken)).AssertError(401, "invalid_key");

        Assert.Equal(200, (await mesh.Identity.ExchangeKeyAsync(key.Key)).Status);
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", token)).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
        Assert.Equal(200, (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).Status);
    }

    /// <summary>Even a row that lost its kind's own columns opens nothing: each statement names the kind.</summary>
    [Fact]
    public async Task A_session_of_another_kind_gets_no_token_at_the_doors_of_sign_ins()
    {
        var user = await mesh.Gateway.SignUpAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET kind = 'key', name = 'x', scopes = '{mesh}', key_hash = sha256(id::text::bytea) WHERE id = $1",
            user.SessionId);

        (await mesh.Gateway.RefreshAsync(user.RefreshToken)).AssertError(401, "invalid_refresh_token");
        (await mesh.Identity.ExchangeAsync(new { cookie = user.Cookie })).AssertError(401, "invalid_session");
        (await mesh.Gateway.GetAsync("/account/sessions", user.Token)).AssertError(401, "invalid_token");
        Assert.False(await mesh.Database.HasEndedAsync(user.SessionId));
        await mesh.Database.ExecuteAsync(
            "UPDATE sessions SET kind = 'sign_in', name = NULL, scopes = NULL, key_hash = NULL WHERE id = $1", user.SessionId);
        Assert.Equal(200, (await mesh.Gateway.RefreshAsync(user.RefreshToken)).Status);
    }

    [Fact]
    public async Task A_password_change_gives_a_key_a_new_token_and_ends_its_earlier_one()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");
        var ended = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");
        var outdated = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");
        Assert.Equal(200, (await mesh.Gateway.DeleteKeyAsync(user.Token, ended.Id)).Status);
        await mesh.Database.ExecuteAsync("UPDATE sessions SET epoch = -1 WHERE id = $1", outdated.Id);
        var before = (await mesh.Identity.ExchangeKeyAsync(key.Key)).AccessToken();

        Assert.Equal(200, (await mesh.Gateway.ChangePasswordAsync(user.Token, user.Password, "another password")).Status);

        Assert.True(await mesh.Database.IsRevokedAsync(before));
        var after = (await mesh.Identity.ExchangeKeyAsync(key.Key)).AccessToken();
        Assert.Equal((before.Epoch() + 1, before.SessionId()), (after.Epoch(), after.SessionId()));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", key.Key)).Status);
        (await mesh.Identity.ExchangeKeyAsync(ended.Key)).AssertError(401, "invalid_key");
        (await mesh.Identity.ExchangeKeyAsync(outdated.Key)).AssertError(401, "invalid_key");
    }

    [Fact]
    public async Task A_new_role_gives_a_key_with_mesh_another_role()
    {
        var (user, admin) = (await mesh.Gateway.SignUpAsync(), await mesh.AdminTokenAsync());
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");
        Assert.Equal("user", new JsonWebToken(await mesh.Identity.KeyTokenAsync(key.Key)).GetClaim("role").Value);

        await ChangeAsync("admin");
        Assert.Equal("admin", new JsonWebToken(await mesh.Identity.KeyTokenAsync(key.Key)).GetClaim("role").Value);
        await ChangeAsync("user");
        Assert.Equal("user", new JsonWebToken(await mesh.Identity.KeyTokenAsync(key.Key)).GetClaim("role").Value);

        async Task ChangeAsync(string role) => Assert.Equal(
            200, (await mesh.Gateway.CallAsync(HttpMethod.Patch, $"/users/{user.UserId}", admin, new { role })).Status);
    }

    public static TheoryData<string> Ends =>
        ["reset", "sign out everywhere", "sign out everywhere else", "disable", "disable and promote", "report"];

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task What_takes_an_account_back_ends_its_keys_for_good(string way)
    {
        var (user, admin) = (await mesh.Gateway.SignUpAsync(), await mesh.AdminTokenAsync());
        var key = await mesh.Gateway.AddKeyAsync(user.Token, "mesh");
        var token = (await mesh.Identity.ExchangeKeyAsync(key.Key)).AccessToken();

        var answer = way switch
        {
            "reset" => await mesh.Gateway.ResetPasswordAsync(await mesh.Database.AddProofAsync(user.UserId, "PasswordReset")),
            "sign out everywhere" => await mesh.Gateway.CallAsync(HttpMethod.Delete, $"/users/{user.UserId}/sessions", admin),
            "sign out everywhere else" => await mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/sessions", user.Token),
            "disable" => await ChangeAsync(new { disabled = true }),
            "disable and promote" => await ChangeAsync(new { disabled = true, role = "admin" }),
            _ => await mesh.Gateway.ReportKeyAsync(key.Key),
        };

        Assert.Equal(200, answer.Status);
        (await mesh.Identity.ExchangeKeyAsync(key.Key)).AssertError(401, "invalid_key");
        Assert.True(await mesh.Database.IsRevokedAsync(token));
        if (way.StartsWith("disable", StringComparison.Ordinal))
        {
            Assert.Equal(200, (await ChangeAsync(new { disabled = false })).Status);
            (await mesh.Identity.ExchangeKeyAsync(key.Key)).AssertError(401, "invalid_key");
        }

        if (way == "sign out everywhere else")
        {
            Assert.Equal(("Ended 0 other sessions and 1 key", "1"), (answer.Message, answer.Member("ended_keys")));
        }

        Task<Answer> ChangeAsync(object change) =>
            mesh.Gateway.CallAsync(HttpMethod.Patch, $"/users/{user.UserId}", admin, change);
    }

    [Fact]
    public async Task A_report_by_somebody_who_has_the_key_ends_it_once()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var (key, other) = (await mesh.Gateway.AddKeyAsync(user.Token, "mesh"), await mesh.Gateway.AddKeyAsync(user.Token, "mesh"));

        (await mesh.Gateway.ReportKeyAsync(KeyText.Create())).AssertError(404, "key_not_found");
        (await mesh.Gateway.ReportKeyAsync(key.Key + " ")).AssertError(404, "key_not_found");
        (await mesh.Gateway.PostAsync("/keys/report", new { })).AssertError(400, "invalid_request", fields: "key");
        var reported = await mesh.Gateway.ReportKeyAsync(key.Key);

        Assert.Equal((200, "The key has ended. Thank you"), (reported.Status, reported.Message));
        (await mesh.Gateway.ReportKeyAsync(key.Key)).AssertError(404, "key_not_found");
        Assert.Equal(200, (await mesh.Identity.ExchangeKeyAsync(other.Key)).Status);
    }
}
