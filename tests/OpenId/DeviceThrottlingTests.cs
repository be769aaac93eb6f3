using AuthMesh.Tests.Faults;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Sessions;
using AuthMesh.Tests.Throttling;
using static AuthMesh.Tests.Throttling.ThrottledMesh;

namespace AuthMesh.Tests.OpenId;

/// <summary>Guesses of codes count before they are checked, and so do devices that ask for codes, on two replicas.</summary>
[Collection<OnThrottledMesh>]
public sealed class DeviceThrottlingTests(ThrottledMesh mesh, ProductionMesh production)
{
    private const string WrongCode = "BBBB-BBBB";

    private static readonly TimeSpan Quarter = TimeSpan.FromMinutes(15);

    [Theory]
    [InlineData(null)]
    [InlineData("allow")]
    public async Task Of_many_wrong_codes_of_one_user_at_once_ten_are_checked(string? decision)
    {
        var (client, user) = (await AddClientAsync(), await mesh.SignUpAsync(NewNetwork()));
        var begun = await BeginAsync(client, NewNetwork());

        var answers = await Together.RunAsync(60, i => TypeAsync(user, WrongCode, NewNetwork(), decision, i));

        Assert.Equal(10, answers.Count(answer => answer.Status == 400));
        Assert.Equal(50, answers.Count(answer => answer.Status == 429));
        Assert.All(answers.Where(answer => answer.Status == 429), answer =>
        {
            Assert.Contains("Too many attempts", answer.Text, StringComparison.Ordinal);
            Assert.InRange(int.Parse(answer.Header("Retry-After")!, null), 1, 910); // another statement's clock may be a little ahead
        });

        // The limit holds for right codes too, whichever form brings them, in the user's other sign-ins too, and for nobody else.
        var again = await mesh.SignInAsync(user.Username, NewNetwork());
        Assert.Equal(429, (await TypeAsync(user, begun.UserCode(), NewNetwork(), null)).Status);
        Assert.Equal(429, (await TypeAsync(again, begun.UserCode(), NewNetwork(), "allow")).Status);
        Assert.Equal(200, (await TypeAsync(await mesh.SignUpAsync(NewNetwork()), begun.UserCode(), NewNetwork(), null)).Status);
        await mesh.AgeAsync(Quarter);
        Assert.Equal(303, (await TypeAsync(user, begun.UserCode(), NewNetwork(), "allow")).Status);
    }

    [Fact]
    public async Task A_right_code_does_not_count_and_gives_no_further_guesses()
    {
        var (client, user) = (await AddClientAsync(), await mesh.SignUpAsync(NewNetwork()));
        var network = NewNetwork();
        for (var i = 0; i < 9; i++)
        {
            Assert.Equal(400, (await TypeAsync(user, WrongCode, network, null, i)).Status);
        }

        var begun = await BeginAsync(client, NewNetwork());
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await TypeAsync(user, begun.UserCode(), network, null, i)).Status);
        }

        Assert.Equal(400, (await TypeAsync(user, WrongCode, network, null)).Status); // the tenth
        Assert.Equal(429, (await TypeAsync(user, WrongCode, network, null)).Status);
    }

    [Fact]
    public async Task A_text_that_no_code_is_like_counts_as_no_guess()
    {
        var user = await mesh.SignUpAsync(NewNetwork());
        for (var i = 0; i < 12; i++)
        {
            Assert.Equal(400, (await TypeAsync(user, "A code", NewNetwork(), null)).Status);
        }

        Assert.Equal(400, (await TypeAsync(user, WrongCode, NewNetwork(), null)).Status);
    }

    [Fact]
    public async Task Guesses_of_many_users_in_one_network_share_the_limit_of_the_network()
    {
        var network = NewNetwork();
        var users = new List<SignedIn>();
        for (var i = 0; i < 21; i++)
        {
            users.Add(await mesh.SignUpAsync(NewNetwork()));
        }

        var answers = await Together.RunAsync(210, i => TypeAsync(users[i / 10], WrongCode, network, null, i));

        Assert.Equal(200, answers.Count(answer => answer.Status == 400));
        Assert.Equal(10, answers.Count(answer => answer.Status == 429));
    }

    [Fact]
    public async Task A_network_gets_one_hundred_codes_in_ten_minutes_and_others_go_on()
    {
        var (client, network) = (await AddClientAsync(), NewNetwork());

        var answers = await Together.RunAsync(120, i => AuthorizeAsync(mesh.Replica(i), client, network));

        Assert.Equal(100, answers.Count(answer => answer.Status == 200));
        foreach (var refused in answers.Where(answer => answer.Status != 200))
        {
            Assert.Equal((429, "too_many_attempts", "temporarily_unavailable"), (refused.Status, refused.Code, refused.Member("error")));
        }

        Assert.Equal(100, await mesh.Database.ScalarAsync<long>(
            "SELECT count(*) FROM device_authorizations WHERE application_id = $1", client.Id));
        await BeginAsync(client, NewNetwork());
    }

    [Fact]
    public async Task An_application_has_as_many_codes_as_the_setting_says_and_others_go_on()
    {
        await using var own = await OwnDatabase.CreateAsync(production);
        own.Settings["Identity:Throttling:DevicesOfApplication:Attempts"] = "3";
        await using var service = await own.StartAsync();
        await service.WaitUntilReadyAsync(cancellation: TestContext.Current.CancellationToken);
        using var identity = new Caller(service);
        var (client, other) = (await AddClientAsync(own.Database), await AddClientAsync(own.Database));

        var answers = await Together.RunAsync(8, i => AuthorizeAsync(identity, client, NewNetwork()));

        Assert.Equal(3, answers.Count(answer => answer.Status == 200));
        Assert.Equal(5, answers.Count(answer => answer.Status == 429));
        (await AuthorizeAsync(identity, other, NewNetwork())).AssertOk();
    }

    private static Action<HttpRequestMessage> FromPage(SignedIn user, string network) => request =>
    {
        From(network)(request);
        request.Headers.Add("Origin", ProductionMesh.Issuer);
        request.Headers.Authorization = new("Bearer", user.Token);
    };

    private Task<Answer> TypeAsync(SignedIn user, string code, string network, string? decision, int replica = 0)
    {
        List<KeyValuePair<string, string>> form = [new("user_code", code)];
        if (decision is not null)
        {
            form.Add(new("decision", decision));
        }

        return mesh.Replica(replica).SendAsync(HttpMethod.Post, "/device", new FormUrlEncodedContent(form), FromPage(user, network));
    }

    private static Task<Answer> AuthorizeAsync(Caller replica, RegisteredClient client, string network) => replica.SendAsync(
        HttpMethod.Post, "/device_authorization", new FormUrlEncodedContent([new("client_id", client.ClientId)]), From(network));

    private async Task<Answer> BeginAsync(RegisteredClient client, string network)
    {
        var answer = await AuthorizeAsync(mesh.Replica(0), client, network);
        answer.AssertOk();
        return answer;
    }

    private Task<RegisteredClient> AddClientAsync() => AddClientAsync(mesh.Database);

    private static async Task<RegisteredClient> AddClientAsync(Database database)
    {
        var clientId = "native-" + Guid.NewGuid().ToString("N")[..12];
        var id = await database.ScalarAsync<Guid>(
            """
            INSERT INTO applications (id, client_id, kind, name, grants, scopes, created_at)
            VALUES (gen_random_uuid(), $1, 'native', 'A device', ARRAY[$2], '{openid}', now()) RETURNING id
            """,
            clientId, DeviceCalls.Grant);
        return new(id, clientId, null, "");
    }
}
