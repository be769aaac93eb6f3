using System.Net;
using AuthMesh.Identity.Applications;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using static AuthMesh.Tests.Throttling.ThrottledMesh;

namespace AuthMesh.Tests.OpenId;

/// <summary>Anybody may send an authorization request that is stored, so those of one network count.</summary>
public sealed class StoredRequestThrottlingTests(ProductionMesh production)
{
    private const int Most = 6;

    [Fact]
    public async Task Of_the_requests_of_one_network_so_many_wait_as_the_setting_says_and_others_go_on()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        own.Settings["Identity:Throttling:AuthorizationRequests:Attempts"] = Most.ToString(null as IFormatProvider);
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        var browser = new CodeFlow(await AddAsync(own.Database, "spa"));
        var server = new CodeFlow(await AddAsync(own.Database, "web"));
        var network = NewNetwork();

        // Whichever way they come.
        var answers = await Together.RunAsync(3 * Most, i => (i % 3) switch
        {
            0 => identity.SendAsync(HttpMethod.Get, browser.Path(), null, From(network)),
            1 => PostAsync("/authorize", browser.Parameters),
            _ => PostAsync("/par", browser.Parameters),
        });

        Assert.Equal(Most, await CountAsync(browser));
        Assert.All(answers.Where((_, i) => i % 3 == 2), answer => Assert.Contains(answer.Status, (int[])[201, 429]));
        var refused = await identity.SendAsync(HttpMethod.Get, browser.Path(), null, From(network));
        var back = refused.LedBackTo(browser.Client.RedirectUri);
        Assert.Equal(("temporarily_unavailable", browser.State), (back["error"], back["state"]));
        Assert.Contains("Try again in", back["error_description"], StringComparison.Ordinal);
        back = (await PostAsync("/authorize", browser.Parameters)).LedBackTo(browser.Client.RedirectUri);
        Assert.Equal("temporarily_unavailable", back["error"]);
        var pushed = await PostAsync("/par", browser.Parameters);
        Assert.Equal((429, "temporarily_unavailable"), (pushed.Status, pushed.Member("error")));
        Assert.NotNull(pushed.Header("Retry-After"));
        Assert.Equal(Most, await CountAsync(browser));

        // Another network, and an application that authenticates: all of its users come from its server.
        Assert.Equal(303, (await identity.SendAsync(HttpMethod.Get, browser.Path(), null, From(NewNetwork()))).Status);
        Assert.Equal(Most + 1, await CountAsync(browser));
        var authenticated = await PostAsync("/par", [.. server.Parameters, ("client_secret", server.Client.Secret!)]);
        Assert.True(authenticated.Status == 201, authenticated.ToString());
        var taken = await identity.SendAsync(
            HttpMethod.Get,
            $"/authorize?client_id={server.Client.ClientId}&request_uri={Uri.EscapeDataString(authenticated.Member("request_uri")!)}",
            null, From(network));
        Assert.StartsWith("/signin?", taken.Header("Location"), StringComparison.Ordinal);

        Task<Answer> PostAsync(string path, (string Name, string Value)[] form) => identity.SendAsync(
            HttpMethod.Post, path, new FormUrlEncodedContent(form.Select(field => KeyValuePair.Create(field.Name, field.Value))),
            From(network));
        Task<long> CountAsync(CodeFlow flow) => own.Database.ScalarAsync<long>(
            "SELECT count(*) FROM authorization_requests WHERE application_id = $1", flow.Client.Id);
    }

    private static async Task<RegisteredClient> AddAsync(Database database, string kind)
    {
        var clientId = $"{kind}-{Guid.NewGuid().ToString("N")[..12]}";
        var id = await database.ScalarAsync<Guid>(
            """
            INSERT INTO applications (id, client_id, kind, name, grants, scopes, redirect_uris, created_at)
            VALUES (
                gen_random_uuid(), $1, $2, 'Notes', '{authorization_code}', '{openid,profile,email}', ARRAY[$3], now())
            RETURNING id
            """,
            clientId, kind, RegisteredClient.Callback);
        await database.ExecuteAsync(
            """
            INSERT INTO application_secrets (id, application_id, hash, created_at)
            SELECT gen_random_uuid(), $1, $2, now() WHERE $3 = 'web'
            """,
            id, NewSecret.HashOf(clientId), kind);
        return new(id, clientId, kind == "web" ? clientId : null, RegisteredClient.Callback);
    }
}
