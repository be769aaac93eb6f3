using System.Text.Json;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthMesh.Tests.OpenId;

/// <summary>Users see which applications may act for them, and take that back.</summary>
public sealed class AllowedApplicationTests(ProductionMesh mesh)
{
    private const string Path = "/account/applications";

    [Fact]
    public async Task A_user_sees_what_was_allowed_and_what_has_a_session()
    {
        var admin = await mesh.AdminTokenAsync();
        var asking = await AddAskingAsync("Bookshop");
        var silent = await mesh.Gateway.AddClientAsync(admin, settings: new { name = "Calendar" });
        await mesh.Gateway.AddClientAsync(admin); // nobody used it
        var (visitor, user) = await SignUpAsync();
        Assert.Equal(("0 applications may act for you", 0), await ListAsync(user.Token));

        await AllowAsync(visitor, new CodeFlow(asking, "openid orders.read")); // a code, and no session yet
        var tokens = await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(silent, "openid mesh offline_access"));
        await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(silent, "openid profile"));

        var answer = await mesh.Gateway.GetAsync(Path, user.Token);
        Assert.Equal("2 applications may act for you", answer.Message);
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);
        var listed = answer.Json.GetProperty("applications").EnumerateArray().ToArray();
        Assert.Equal(
            ["id", "client_id", "name", "scopes", "first_party", "granted_at", "last_used_at", "sessions", "offline"],
            listed[0].EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            $"{asking.Id} {asking.ClientId} Bookshop [\"openid\",\"orders.read\"] False 0 False", Describe(listed[0]));
        Assert.Equal(JsonValueKind.Null, listed[0].GetProperty("last_used_at").ValueKind);
        Assert.Equal(
            $"{silent.Id} {silent.ClientId} Calendar [\"mesh\",\"offline_access\",\"openid\",\"profile\"] True 2 True",
            Describe(listed[1]));
        Assert.InRange(
            listed[1].GetProperty("granted_at").GetDateTimeOffset(), TimeProvider.System.GetUtcNow().AddMinutes(-5),
            listed[1].GetProperty("last_used_at").GetDateTimeOffset());

        // An admin sees how many there are.
        var shown = (await mesh.Gateway.GetAsync($"/users/{user.UserId}", admin)).Json.GetProperty("user");
        Assert.Equal((2, 2), (shown.GetProperty("sessions").GetInt32(), shown.GetProperty("application_sessions").GetInt32()));

        // The tokens of applications open neither.
        var access = tokens.Member("access_token");
        (await mesh.Gateway.GetAsync(Path, access)).AssertError(403, "insufficient_scope");
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"{Path}/{silent.Id}", access)).AssertError(403, "insufficient_scope");
        (await mesh.Gateway.GetAsync(Path)).AssertError(401, "missing_token");

        static string Describe(JsonElement listed) => string.Join(' ', listed.EnumerateObject()
            .Where(member => !member.Name.EndsWith("_at", StringComparison.Ordinal)).Select(member => member.Value));
    }

    [Fact]
    public async Task To_withdraw_ends_the_sessions_forgets_the_consent_and_spares_everybody_else()
    {
        var admin = await mesh.AdminTokenAsync();
        var (client, other) = (await AddAskingAsync("Bookshop"), await mesh.Gateway.AddClientAsync(admin));
        var (visitor, user) = await SignUpAsync();
        var (neighbour, _) = await SignUpAsync();
        var flow = new CodeFlow(client, "openid orders.read offline_access");
        var tokens = new[] { await RedeemAsync(flow, await AllowAsync(visitor, flow)), await visitor.SignInAtAsync(mesh.Gateway, flow) };
        var waiting = await visitor.CodeAsync(flow);
        var spared = new[]
        {
            await visitor.SignInAtAsync(mesh.Gateway, new CodeFlow(other)), await RedeemAsync(flow, await AllowAsync(neighbour, flow)),
        };

        var answer = await mesh.Gateway.CallAsync(HttpMethod.Delete, $"{Path}/{client.Id}", user.Token);

        Assert.Equal((200, "The application may no longer act for you"), (answer.Status, answer.Message));
        foreach (var ended in tokens)
        {
            Assert.True(await mesh.Database.IsRevokedAsync(new JsonWebToken(ended.Member("access_token"))));
            (await mesh.Gateway.RefreshAtAsync(client, ended.Member("refresh_token")!)).AssertProtocolError(400, "invalid_grant");
        }

        (await mesh.Gateway.TokenAsync(flow.Redemption(waiting))).AssertProtocolError(400, "invalid_grant");
        Assert.Equal(
            "consent_required", (await visitor.GetAsync(flow.Path(("prompt", "none")))).LedBackTo(client.RedirectUri)["error"]);
        Assert.Equal(("1 application may act for you", 1), await ListAsync(user.Token)); // the other one
        Assert.Equal(200, (await mesh.Gateway.RefreshAtAsync(other, spared[0].Member("refresh_token")!)).Status);
        Assert.Equal(200, (await mesh.Gateway.RefreshAtAsync(client, spared[1].Member("refresh_token")!)).Status);

        // Allowed anew, it works anew.
        Assert.Equal(200, (await RedeemAsync(flow, await AllowAsync(visitor, flow))).Status);
    }

    [Theory]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    [InlineData("nonsense")]
    public async Task What_was_not_allowed_cannot_be_withdrawn(string id)
    {
        var (_, user) = await SignUpAsync();

        (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"{Path}/{id}", user.Token)).AssertError(404, "application_not_found");
    }

    [Fact]
    public async Task Another_users_application_cannot_be_withdrawn_and_a_disabled_one_can()
    {
        var admin = await mesh.AdminTokenAsync();
        var client = await AddAskingAsync("Bookshop");
        var (visitor, user) = await SignUpAsync();
        var (_, stranger) = await SignUpAsync();
        await AllowAsync(visitor, new CodeFlow(client, "openid"));

        (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"{Path}/{client.Id}", stranger.Token)).AssertError(404, "application_not_found");

        Assert.Equal(200, (await mesh.Gateway.ChangeApplicationAsync(admin, client.Id, new { disabled = true })).Status);
        Assert.Equal(200, (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"{Path}/{client.Id}", user.Token)).Status);
        Assert.Equal(0, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM consents WHERE application_id = $1", client.Id));
        (await mesh.Gateway.CallAsync(HttpMethod.Delete, $"{Path}/{client.Id}", user.Token)).AssertError(404, "application_not_found");
    }

    [Fact]
    public async Task An_ended_sign_in_lists_and_withdraws_nothing()
    {
        var client = await AddAskingAsync("Bookshop");
        var (visitor, user) = await SignUpAsync();
        await AllowAsync(visitor, new CodeFlow(client, "openid"));
        await mesh.Database.ExecuteAsync("UPDATE sessions SET expires_at = now() WHERE id = $1", user.SessionId);

        (await mesh.Identity.GetAsync(Path, user.Token)).AssertError(401, "invalid_token");
        (await mesh.Identity.CallAsync(HttpMethod.Delete, $"{Path}/{client.Id}", user.Token)).AssertError(401, "invalid_token");
        Assert.Equal(1, await mesh.Database.ScalarAsync<long>("SELECT count(*) FROM consents WHERE application_id = $1", client.Id));
    }

    /// <summary>An application of somebody else, which asks for consent.</summary>
    private async Task<RegisteredClient> AddAskingAsync(string name) => await mesh.Gateway.AddClientAsync(
        await mesh.AdminTokenAsync(), settings: new { name, first_party = false, require_consent = true },
        scopes: ["openid", "orders.read", "offline_access"]);

    private async Task<(Visitor Visitor, SignedIn User)> SignUpAsync()
    {
        var (visitor, username) = await mesh.VisitSignedInAsync();
        return (visitor, await mesh.Gateway.SignInAsync(username, PagesMesh.Password));
    }

    private static async Task<string> AllowAsync(Visitor visitor, CodeFlow flow)
    {
        var asked = (await visitor.GetAsync(flow.Path())).Header("Location")!;
        Assert.StartsWith("/consent?continue=", asked, StringComparison.Ordinal);
        return (await visitor.PostAsync("/consent", ("continue", asked.Split('=')[1]), ("decision", "allow")))
            .LedBackTo(flow.Client.RedirectUri)["code"];
    }

    private async Task<Answer> RedeemAsync(CodeFlow flow, string code)
    {
        var answer = await mesh.Gateway.TokenAsync(flow.Redemption(code));
        Assert.True(answer.Status == 200, answer.ToString());
        return answer;
    }

    private async Task<(string? Message, int Count)> ListAsync(string token)
    {
        var answer = await mesh.Gateway.GetAsync(Path, token);
        return (answer.Message, answer.Json.GetProperty("applications").GetArrayLength());
    }
}
