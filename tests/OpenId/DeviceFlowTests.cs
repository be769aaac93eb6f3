using System.Text;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>Devices without a browser get tokens for a user who allows it on another device (RFC 8628).</summary>
public sealed class DeviceFlowTests(ProductionMesh mesh)
{
    [Fact]
    public async Task A_device_gets_tokens_once_its_user_allowed_it_and_loses_them_with_the_sign_in_that_did()
    {
        var client = await AddClientAsync();
        var (visitor, username) = await mesh.VisitSignedInAsync();

        // 1. The code.
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        Assert.Matches("^[A-Za-z0-9_-]{43}$", begun.DeviceCode());
        Assert.Matches("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$", begun.UserCode());
        Assert.Equal(
            (ProductionMesh.Issuer + "/device", $"{ProductionMesh.Issuer}/device?user_code={begun.UserCode()}", "600", "5"),
            (begun.Member("verification_uri"), begun.Member("verification_uri_complete"), begun.Member("expires_in"),
                begun.Member("interval")));
        Assert.Equal(
            ["device_code", "user_code", "verification_uri", "verification_uri_complete", "expires_in", "interval"],
            begun.Json.EnumerateObject().Select(member => member.Name));
        Assert.Contains("no-store", begun.Header("Cache-Control"), StringComparison.Ordinal);
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");

        // 2. The user.
        var asked = await visitor.TypeCodeAsync(begun.UserCode());
        Assert.Equal(200, asked.Status);
        await visitor.AllowAsync(begun);

        // 3. The tokens.
        var tokens = await mesh.Gateway.AskAsync(client, begun);
        Assert.True(tokens.Status == 200, tokens.ToString());
        Assert.Equal(("Bearer", "openid profile mesh"), (tokens.Member("token_type"), tokens.Member("scope")));
        var (access, identity) = (new JsonWebToken(tokens.Member("access_token")), new JsonWebToken(tokens.Member("id_token")));
        Assert.Equal(
            (client.ClientId, access.Subject, username, false),
            (access.GetClaim("client_id").Value, identity.Subject, identity.GetClaim("preferred_username").Value,
                identity.TryGetClaim("nonce", out _)));
        Assert.Equal(200, (await mesh.Gateway.GetAsync("/protected", access.EncodedToken)).Status);
        Assert.InRange(int.Parse(tokens.Member("refresh_expires_in")!, null), 1_209_590, 1_209_600);
        var refreshed = await mesh.Gateway.RefreshAtAsync(client, tokens.RefreshToken());
        Assert.Equal(200, refreshed.Status);

        // 4. The code counts once.
        Assert.Empty(await mesh.Database.DumpDeviceAsync(begun));
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "invalid_grant");
        (await mesh.Gateway.RefreshAtAsync(client, refreshed.RefreshToken())).AssertOk();

        // 5. The sign-out.
        Assert.Equal(303, (await visitor.PostAsync("/signout")).Status);
        Assert.True(await mesh.Database.IsRevokedAsync(access));
        (await mesh.Gateway.RefreshAtAsync(client, refreshed.RefreshToken())).AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task With_offline_access_a_device_outlives_the_sign_in_that_allowed_it()
    {
        var client = await AddClientAsync();
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client, "openid offline_access");
        await visitor.AllowAsync(begun);
        var tokens = await mesh.Gateway.AskAsync(client, begun);

        await visitor.PostAsync("/signout");
        var refreshed = await mesh.Gateway.RefreshAtAsync(client, tokens.RefreshToken());
        refreshed.AssertOk();

        await mesh.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1 WHERE username = $1", username);
        (await mesh.Gateway.RefreshAtAsync(client, refreshed.RefreshToken())).AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task Two_devices_under_one_sign_in_do_not_end_each_other_and_are_listed_as_themselves()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var tokens = new List<JsonWebToken>();
        foreach (var name in (string[])["television/1", "console/2"])
        {
            var begun = await mesh.Gateway.SendAsync(
                HttpMethod.Post, "/device_authorization",
                new FormUrlEncodedContent([new("client_id", client.ClientId), new("scope", "openid")]),
                request => request.Headers.UserAgent.ParseAdd(name));
            await visitor.AllowAsync(begun);
            tokens.Add(new JsonWebToken((await mesh.Gateway.AskAsync(client, begun)).Member("access_token")));
        }

        Assert.False(await mesh.Database.IsRevokedAsync(tokens[0]));
        Assert.Equal(
            "television/1, console/2", await mesh.Database.ScalarAsync<string>(
                "SELECT string_agg(device, ', ' ORDER BY created_at) FROM sessions WHERE application_id = $1 AND ended_at IS NULL",
                client.Id));
    }

    [Fact]
    public async Task A_device_that_asks_too_early_must_wait_five_seconds_longer_each_time()
    {
        var client = await AddClientAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);

        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");
        Assert.Equal((5, 5), await PaceAsync());
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "slow_down");
        Assert.Equal((10, 10), await PaceAsync());
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "slow_down");
        Assert.Equal((15, 15), await PaceAsync());

        await mesh.Database.PassIntervalAsync(begun);
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "authorization_pending");
        Assert.Equal((15, 15), await PaceAsync());

        // Once the user has decided, nothing is early.
        await (await mesh.VisitSignedInAsync()).Visitor.AllowAsync(begun);
        (await mesh.Gateway.AskAsync(client, begun)).AssertOk();

        // The interval, and the wait that is left, rounded up.
        async Task<(int, int)> PaceAsync() => (
            await ReadAsync("interval_seconds"), await ReadAsync("ceil(extract(epoch FROM next_poll_at - now()) / 5)::int * 5"));
        Task<int> ReadAsync(string what) => mesh.Database.ScalarAsync<int>(
            $"SELECT {what} FROM device_authorizations WHERE device_code_hash = sha256($1::text::bytea)", begun.DeviceCode());
    }

    [Fact]
    public async Task A_device_whose_user_refuses_gets_nothing_and_the_user_can_change_nothing_afterwards()
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);

        var refused = await visitor.DecideAsync(begun, "refuse");

        Assert.Equal((303, "/device?done=device-refused"), (refused.Status, refused.Header("Location")));
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "access_denied");
        Assert.Equal(400, (await visitor.DecideAsync(begun, "allow")).Status);
        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "access_denied");
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM consents WHERE application_id = $1", client.Id));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task After_ten_minutes_a_code_is_worth_nothing(bool isAllowed)
    {
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        if (isAllowed)
        {
            await visitor.AllowAsync(begun);
        }

        await mesh.Database.ExpireAsync(begun);

        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "expired_token");
        Assert.Contains("No device waits", (await visitor.TypeCodeAsync(begun.UserCode())).Text, StringComparison.Ordinal);
        Assert.Equal(400, (await visitor.DecideAsync(begun, "allow")).Status);
    }

    [Fact]
    public async Task A_device_code_belongs_to_its_application_alone()
    {
        var (client, other) = (await AddClientAsync(), await AddClientAsync());
        var begun = await mesh.Gateway.BeginDeviceAsync(client);
        var before = await mesh.Database.DumpDeviceAsync(begun);

        (await mesh.Gateway.AskAsync(other, begun)).AssertProtocolError(400, "invalid_grant");
        Assert.Equal(before, await mesh.Database.DumpDeviceAsync(begun)); // a stranger slows nobody down
        await (await mesh.VisitSignedInAsync()).Visitor.AllowAsync(begun);
        (await mesh.Gateway.AskAsync(other, begun)).AssertProtocolError(400, "invalid_grant");

        (await mesh.Gateway.AskAsync(client, begun)).AssertOk();
    }

    [Theory]
    [InlineData("the sign-in ends")]
    [InlineData("the password changes")]
    [InlineData("the consent is withdrawn")]
    [InlineData("the application is disabled")]
    public async Task An_allowed_device_gets_nothing_after(string change)
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await AddClientAsync();
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client, "openid offline_access");
        await visitor.AllowAsync(begun);

        switch (change)
        {
            case "the sign-in ends":
                await visitor.PostAsync("/signout");
                break;
            case "the password changes":
                await mesh.Database.ExecuteAsync("UPDATE users SET epoch = epoch + 1 WHERE username = $1", username);
                break;
            case "the consent is withdrawn":
                Assert.Equal(1, await mesh.Database.ExecuteAsync("DELETE FROM consents WHERE application_id = $1", client.Id));
                break;
            default:
                Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = true })).Status);
                (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(401, "invalid_client");
                Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = false })).Status);
                break;
        }

        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "invalid_grant");
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM sessions WHERE application_id = $1", client.Id));
    }

    [Fact]
    public async Task Nobody_allows_a_device_of_an_application_that_was_disabled_meanwhile()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await AddClientAsync();
        var (visitor, _) = await mesh.VisitSignedInAsync();
        var begun = await mesh.Gateway.BeginDeviceAsync(client);

        await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = true });
        Assert.Equal(400, (await visitor.TypeCodeAsync(begun.UserCode())).Status);
        await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = false });
        Assert.Equal(400, (await visitor.DecideAsync(begun, "allow")).Status);

        (await mesh.Gateway.AskAsync(client, begun)).AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task Only_an_application_that_lists_the_grant_gets_codes_and_tokens()
    {
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), "native"); // off unless listed

        (await mesh.Gateway.AuthorizeDeviceAsync(client)).AssertProtocolError(400, "unauthorized_client");
        (await mesh.Gateway.TokenAsync([("grant_type", DeviceCalls.Grant), ("device_code", "x"), .. client.Credentials]))
            .AssertProtocolError(400, "unauthorized_client");
    }

    [Theory]
    [InlineData("scope=openid", 401, "invalid_client")]
    [InlineData("client_id=unknown&scope=openid", 401, "invalid_client")]
    [InlineData("client_id=CLIENT&client_secret=x", 401, "invalid_client")]
    [InlineData("client_id=CLIENT&scope=orders.read", 400, "invalid_scope")]
    [InlineData("client_id=CLIENT&scope=openid+openid", 400, "invalid_scope")]
    [InlineData("client_id=CLIENT&client_id=CLIENT", 400, "invalid_request")]
    [InlineData("client_id=CLIENT&scope=%00", 400, "invalid_request")]
    [InlineData("client_id=CLIENT&resource=https://elsewhere.example", 400, "invalid_target")]
    [InlineData("client_id=CLIENT&resource=https://a.example&resource=https://b.example", 400, "invalid_target")]
    [InlineData("%", 400, "invalid_request")]
    public async Task A_wrong_request_gets_no_code(string form, int status, string error)
    {
        var client = await AddClientAsync();

        (await PostAsync("/device_authorization", form.Replace("CLIENT", client.ClientId, StringComparison.Ordinal)))
            .AssertProtocolError(status, error);
        (await PostAsync("/device_authorization", $"client_id={client.ClientId}")).AssertOk();
    }

    [Fact]
    public async Task Without_a_device_code_the_grant_is_malformed_and_an_invented_one_gives_nothing()
    {
        var client = await AddClientAsync();

        (await mesh.Gateway.TokenAsync([("grant_type", DeviceCalls.Grant), .. client.Credentials]))
            .AssertProtocolError(400, "invalid_request");
        (await mesh.Gateway.TokenAsync([("grant_type", DeviceCalls.Grant), ("device_code", "invented"), .. client.Credentials]))
            .AssertProtocolError(400, "invalid_grant");
    }

    [Fact]
    public async Task A_device_gets_the_audience_that_it_asked_for_and_no_other()
    {
        const string audience = "https://orders.example/api";
        var client = await mesh.Gateway.AddDeviceClientAsync(
            await mesh.AdminTokenAsync(), new { grants = (string[])[DeviceCalls.Grant], audiences = (string[])[audience] });
        var begun = await mesh.Gateway.AuthorizeDeviceAsync(client, "openid", ("resource", audience));
        await (await mesh.VisitSignedInAsync()).Visitor.AllowAsync(begun);

        (await mesh.Gateway.AskAsync(client, begun, ("resource", "authmesh"))).AssertProtocolError(400, "invalid_grant");
        var tokens = await mesh.Gateway.AskAsync(client, begun, ("resource", audience));

        Assert.Equal(audience, new JsonWebToken(tokens.Member("access_token")).Audiences.Single());
        Assert.Null(tokens.Member("refresh_token")); // the application may not refresh
        Assert.Null(tokens.Member("refresh_expires_in"));
    }

    [Fact]
    public async Task Pages_of_other_origins_may_start_the_flow_and_their_cookies_do_not_matter()
    {
        var client = await AddClientAsync();

        var answer = await mesh.Gateway.SendAsync(
            HttpMethod.Post, "/device_authorization", new FormUrlEncodedContent([new("client_id", client.ClientId)]), request =>
            {
                request.Headers.Add("Origin", "https://elsewhere.example");
                request.Headers.Add("Sec-Fetch-Site", "cross-site");
            });

        answer.AssertOk();
        Assert.Equal("*", answer.Header("Access-Control-Allow-Origin"));
    }

    [Theory]
    [InlineData("/.well-known/openid-configuration")]
    [InlineData("/.well-known/oauth-authorization-server")]
    public async Task The_metadata_name_the_endpoint_and_the_grant(string path)
    {
        var metadata = (await mesh.Gateway.GetAsync(path)).Json;

        Assert.Equal(ProductionMesh.Issuer + "/device_authorization", metadata.GetProperty("device_authorization_endpoint").GetString());
        Assert.Contains(
            DeviceCalls.Grant, metadata.GetProperty("grant_types_supported").EnumerateArray().Select(grant => grant.GetString()));
    }

    private async Task<RegisteredClient> AddClientAsync() => await mesh.Gateway.AddDeviceClientAsync(await mesh.AdminTokenAsync());

    private Task<Answer> PostAsync(string path, string form) =>
        mesh.Gateway.SendAsync(HttpMethod.Post, path, new StringContent(form, Encoding.UTF8, "application/x-www-form-urlencoded"));
}
