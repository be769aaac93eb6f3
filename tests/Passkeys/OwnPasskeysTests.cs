using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;

namespace AuthMesh.Tests.Passkeys;

/// <summary>Listing, naming and removing passkeys, and dropping the password.</summary>
public sealed class OwnPasskeysTests(ProductionMesh mesh)
{
    [Fact]
    public async Task The_list_shows_the_callers_passkeys_alone()
    {
        var (user, first) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Gateway.AddPasskeyAsync(user.Token, new(), "Second");
        await mesh.Gateway.LoginByPasskeyAsync(first);

        var list = await mesh.Gateway.GetAsync("/account/passkeys", user.Token);

        Assert.Equal("You have 2 passkeys", list.Message);
        Assert.Equal(
            [true, false],
            list.Json.GetProperty("passkeys").EnumerateArray().Select(p => p.GetProperty("last_used_at").GetString() is not null));
        Assert.Empty((await mesh.Gateway.GetAsync("/account/passkeys", (await mesh.Gateway.SignUpAsync()).Token)).Json
            .GetProperty("passkeys").EnumerateArray());
        await mesh.Gateway.LogoutAsync(user.Token);
        (await mesh.Identity.GetAsync("/account/passkeys", user.Token)).AssertError(401, "invalid_token");
    }

    [Fact]
    public async Task Its_owner_renames_a_passkey()
    {
        var (user, _) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var other = await mesh.Gateway.SignUpAsync();
        var id = await FindIdAsync(user);

        (await RenameAsync(other, id, "Mine")).AssertError(404, "passkey_not_found");
        (await RenameAsync(user, Guid.NewGuid().ToString(), "Mine")).AssertError(404, "passkey_not_found");
        (await RenameAsync(user, "junk", "Mine")).AssertError(404, "passkey_not_found");
        (await RenameAsync(user, id, " ")).AssertError(400, "invalid_request", null, "name");
        (await RenameAsync(user, id, null)).AssertError(400, "invalid_request", null, "name");
        Assert.Equal(200, (await RenameAsync(user, id, " Büro 🔑 ")).Status);

        Assert.Equal("Büro 🔑", await mesh.Database.ScalarAsync<string>("SELECT name FROM passkeys WHERE user_id = $1", user.UserId));
    }

    [Fact]
    public async Task A_removed_passkey_is_gone_and_told()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Database.ExecuteAsync(
            "UPDATE users SET email = $2, normalized_email = $2, email_verified_at = now() WHERE id = $1", user.UserId,
            $"{user.UserId:N}@example.test");
        var id = await FindIdAsync(user);
        var other = await mesh.Gateway.SignUpAsync();
        (await RemoveAsync(other.Token, id)).AssertError(404, "passkey_not_found");
        (await RemoveAsync(user.Token, Guid.NewGuid().ToString())).AssertError(404, "passkey_not_found");

        Assert.Equal(200, (await RemoveAsync(user.Token, id)).Status);

        (await RemoveAsync(user.Token, id)).AssertError(404, "passkey_not_found");
        (await mesh.Gateway.LoginByPasskeyAsync(passkey)).AssertError(401, "passkey_refused");
        Assert.Equal(2, await mesh.Database.ScalarAsync<int>("SELECT factors_epoch FROM users WHERE id = $1", user.UserId));
        var told = await mesh.Mails.NextAsync($"{user.UserId:N}@example.test", "was removed");
        Assert.Contains("passkey", told.Text, StringComparison.Ordinal);
        await mesh.AssertEventsAsync("passkey_removed", user.UserId, 1);
    }

    [Fact]
    public async Task Removing_demands_a_recent_proof()
    {
        var (user, _) = await mesh.Gateway.SignUpWithPasskeyAsync();
        var id = await FindIdAsync(user);
        await mesh.Database.AgeProofAsync(user.SessionId, TimeSpan.FromMinutes(11));
        var refreshed = await mesh.Gateway.RefreshAsync(user.RefreshToken);

        (await RemoveAsync(user.Token, id)).AssertError(401, "insufficient_user_authentication");
        (await RemoveAsync(refreshed.Token, id)).AssertError(401, "insufficient_user_authentication");
        (await DropPasswordAsync(user.Token)).AssertError(401, "insufficient_user_authentication");
        (await DropPasswordAsync(refreshed.Token)).AssertError(401, "insufficient_user_authentication");

        var proved = await mesh.Gateway.ReauthenticateAsync(refreshed.Token, user.Password);
        Assert.Equal(200, (await RemoveAsync(proved.Token, id)).Status);
    }

    [Fact]
    public async Task The_last_second_factor_takes_the_demand_for_one_with_it()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Gateway.AddPasskeyAsync(user.Token, new());
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE id = $1", user.UserId);
        await mesh.Database.ExecuteAsync("INSERT INTO recovery_codes (user_id, code_hash, key_id) VALUES ($1, '', '')", user.UserId);
        var proved = await mesh.Gateway.StepUpByPasskeyAsync(user.Token, passkey);

        Assert.Equal(200, (await RemoveAsync(proved.Token, await FindIdAsync(user))).Status);
        Assert.Equal((true, 1), (await DemandsTwoAsync(user), await CountCodesAsync(user)));

        Assert.Equal(200, (await RemoveAsync(proved.Token, await FindIdAsync(user))).Status);
        Assert.Equal((false, 0), (await DemandsTwoAsync(user), await CountCodesAsync(user)));
        Assert.Equal(200, (await mesh.Gateway.LoginAsync(user.Username, user.Password)).Status);
    }

    [Fact]
    public async Task A_password_is_dropped_only_with_a_passkey_and_then_the_passkey_stays()
    {
        var user = await mesh.Gateway.SignUpAsync();
        (await DropPasswordAsync(user.Token)).AssertError(409, "last_sign_in_method");
        using var passkey = new SoftwarePasskey();
        await mesh.Gateway.AddPasskeyAsync(user.Token, passkey);

        var dropped = await DropPasswordAsync(user.Token);

        Assert.Equal(200, dropped.Status);
        Assert.Equal(10, dropped.Json.GetProperty("recovery_codes").GetArrayLength());
        Assert.True(await DemandsTwoAsync(user));
        await mesh.AssertEventsAsync("password_removed", user.UserId, 1);
        (await mesh.Gateway.LoginAsync(user.Username, user.Password)).AssertError(401, "invalid_credentials");
        var signedIn = await mesh.Gateway.LoginByPasskeyAsync(passkey);
        (await RemoveAsync(signedIn.Token, await FindIdAsync(user))).AssertError(409, "last_sign_in_method");

        // Once more changes nothing, and shows no codes.
        var again = await DropPasswordAsync(signedIn.Token);
        Assert.Equal((200, null), (again.Status, again.Member("recovery_codes")));
        Assert.Equal(2, await mesh.Database.ScalarAsync<int>("SELECT factors_epoch FROM users WHERE id = $1", user.UserId));

        // With a second passkey the first one goes.
        Assert.Equal(200, (await mesh.Gateway.AddPasskeyAsync(signedIn.Token, new())).Status);
        Assert.Equal(200, (await RemoveAsync(signedIn.Token, await FindIdAsync(user))).Status);
    }

    [Fact]
    public async Task An_account_that_demands_two_factors_demands_them_for_its_passkeys()
    {
        var (user, passkey) = await mesh.Gateway.SignUpWithPasskeyAsync();
        await mesh.Database.ExecuteAsync("UPDATE users SET two_step = true WHERE id = $1", user.UserId);

        (await DropPasswordAsync(user.Token)).AssertError(401, "insufficient_user_authentication");
        (await RemoveAsync(user.Token, await FindIdAsync(user))).AssertError(401, "insufficient_user_authentication");

        var proved = await mesh.Gateway.StepUpByPasskeyAsync(user.Token, passkey);
        (await DropPasswordAsync(user.Token)).AssertError(401, "insufficient_user_authentication"); // the earlier token stays what it was
        var dropped = await DropPasswordAsync(proved.Token);
        Assert.Equal((200, null), (dropped.Status, dropped.Member("recovery_codes"))); // shown when two factors became necessary
    }

    private Task<Answer> RenameAsync(SignedIn user, string id, string? name) =>
        mesh.Gateway.CallAsync(HttpMethod.Patch, $"/account/passkeys/{id}", user.Token, new { name });

    private Task<Answer> RemoveAsync(string token, string id) =>
        mesh.Gateway.CallAsync(HttpMethod.Delete, $"/account/passkeys/{id}", token);

    private Task<Answer> DropPasswordAsync(string token) => mesh.Gateway.CallAsync(HttpMethod.Delete, "/account/password", token);

    private async Task<string> FindIdAsync(SignedIn user) => (await mesh.Database.ScalarAsync<Guid>(
        "SELECT id FROM passkeys WHERE user_id = $1 ORDER BY created_at LIMIT 1", user.UserId)).ToString();

    private Task<bool> DemandsTwoAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<bool>("SELECT two_step FROM users WHERE id = $1", user.UserId);

    private Task<int> CountCodesAsync(SignedIn user) =>
        mesh.Database.ScalarAsync<int>("SELECT count(*)::int FROM recovery_codes WHERE user_id = $1", user.UserId);
}
