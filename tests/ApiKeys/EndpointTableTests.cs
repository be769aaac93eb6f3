using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Conventions;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Sessions;
using Microsoft.AspNetCore.Authorization;

namespace AuthMesh.Tests.ApiKeys;

/// <summary>
/// Every endpoint about the caller's account and about users, against every kind of token: at the identity service, which decides, and at
/// the gateway, which must open no more.
/// </summary>
public sealed class EndpointTableTests(ProductionMesh mesh)
{
    private const string Limited = "orders.read", AccountRead = "account.read", UsersRead = "users.read", Mesh = "mesh";

    // Endpoints that open to a key: the scope, and whether its owner must be an admin. All others refuse every key.
    private static readonly Dictionary<string, (string Scope, bool ForAdmins)> Opened = new()
    {
        ["GET /account"] = (AccountRead, false),
        ["GET /account/keys"] = (AccountRead, false),
        ["GET /users"] = (UsersRead, true),
        ["GET /users/{id}"] = (UsersRead, true),
    };

    private static readonly string[] Endpoints =
    [
        .. ConventionTests.IdentityEndpoints()
            .Where(endpoint => endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null)
            .Select(endpoint => ConventionTests.Name(endpoint).TrimEnd('/'))
            .Where(name => !name.Contains(" /internal/", StringComparison.Ordinal)),
    ];

    [Fact]
    public void The_table_opens_only_endpoints_that_exist() => Assert.Empty(Opened.Keys.Except(Endpoints));

    [Theory]
    [InlineData(false, Limited)]
    [InlineData(false, AccountRead)]
    [InlineData(false, UsersRead)]
    [InlineData(false, Mesh)]
    [InlineData(false, AccountRead, UsersRead, Mesh)]
    [InlineData(true, Limited)]
    [InlineData(true, AccountRead)]
    [InlineData(true, UsersRead)]
    [InlineData(true, Mesh)]
    [InlineData(true, AccountRead, UsersRead, Mesh)]
    public async Task A_key_opens_exactly_the_endpoints_that_name_one_of_its_scopes(bool isAdmin, params string[] scopes)
    {
        var owner = isAdmin ? await mesh.Gateway.SignInAsync("admin", ProductionMesh.AdminPassword) : await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(owner.Token, scopes);
        await AssertOpensAsync(await mesh.Identity.KeyTokenAsync(key.Key), key.Key, owner, isAdmin, scopes);
        Assert.Equal(200, (await mesh.Gateway.DeleteKeyAsync(owner.Token, key.Id)).Status);
    }

    [Theory]
    [InlineData(false, Limited)]
    [InlineData(false, AccountRead, UsersRead)]
    [InlineData(false, Mesh)]
    [InlineData(true, UsersRead)]
    [InlineData(true, Mesh)]
    [InlineData(true, AccountRead, UsersRead, Mesh)]
    public async Task An_application_that_acts_for_a_user_opens_the_same_endpoints_as_a_key(bool isAdmin, params string[] scopes)
    {
        var owner = isAdmin ? await mesh.Gateway.SignInAsync("admin", ProductionMesh.AdminPassword) : await mesh.Gateway.SignUpAsync();
        var client = await mesh.Gateway.AddClientAsync(await mesh.AdminTokenAsync(), scopes: scopes);
        var flow = new CodeFlow(client, string.Join(' ', scopes));
        var code = (await mesh.Identity.GetAsync(flow.Path(), owner.Token)).LedBackTo(client.RedirectUri)["code"];
        var token = (await mesh.Gateway.TokenAsync(flow.Redemption(code))).Member("access_token")!;

        await AssertOpensAsync(token, token, owner, isAdmin, scopes);
    }

    [Fact]
    public async Task An_application_in_its_own_name_opens_none()
    {
        var admin = await mesh.Gateway.SignInAsync("admin", ProductionMesh.AdminPassword);
        var application = await mesh.Gateway.AddApplicationAsync(admin.Token, AccountRead, UsersRead);
        var token = await mesh.Gateway.ServiceTokenAsync(application);

        foreach (var endpoint in Endpoints)
        {
            foreach (var caller in (Caller[])[mesh.Identity, mesh.Gateway])
            {
                var answer = await CallAsync(caller, endpoint, token, admin);
                Assert.True(answer.Status == 403, $"{endpoint}: {answer}");
            }
        }
    }

    private async Task AssertOpensAsync(string token, string credential, SignedIn owner, bool isAdmin, string[] scopes)
    {
        Assert.NotEmpty(Endpoints);
        foreach (var endpoint in Endpoints)
        {
            var expected = !Opened.TryGetValue(endpoint, out var opened) || !scopes.Contains(opened.Scope) ? "403 insufficient_scope"
                : opened.ForAdmins && !isAdmin ? "403 forbidden"
                : "200";
            var atIdentity = await CallAsync(mesh.Identity, endpoint, token, owner);
            Assert.True(Describe(atIdentity) == expected, $"{endpoint}: {expected} expected, {atIdentity}");

            // Role and scope are the gateway's first line: it answers the same, or leaves the answer to the identity service.
            var atGateway = await CallAsync(mesh.Gateway, endpoint, credential, owner);
            Assert.True(
                Describe(atGateway) == expected || (atGateway.Status == 403 && expected.StartsWith("403", StringComparison.Ordinal)),
                $"{endpoint} at the gateway: {expected} expected, {atGateway}");
        }
    }

    [Fact]
    public async Task A_sign_in_passes_every_demand_for_a_scope()
    {
        var (user, admin) = (await mesh.Gateway.SignUpAsync(), await mesh.Gateway.SignInAsync("admin", ProductionMesh.AdminPassword));

        foreach (var (endpoint, (_, forAdmins)) in Opened)
        {
            Assert.Equal(200, (await CallAsync(mesh.Gateway, endpoint, admin.Token, admin)).Status);
            Assert.Equal(forAdmins ? 403 : 200, (await CallAsync(mesh.Gateway, endpoint, user.Token, user)).Status);
        }
    }

    [Fact]
    public async Task A_key_of_a_former_admin_reads_no_users()
    {
        var (user, admin) = (await mesh.Gateway.SignUpAsync(), await mesh.AdminTokenAsync());
        var key = await mesh.Gateway.AddKeyAsync(user.Token, UsersRead);
        (await mesh.Gateway.GetAsync("/users", key.Key)).AssertError(403, "forbidden", "Admin access required");
        await SetRoleAsync("admin");
        await Patience.UntilAsync(async () => (await mesh.Gateway.GetAsync("/users?limit=1", key.Key)).Status == 200);
        await SetRoleAsync("user");

        // Until the gateway hears of the new epoch, the identity service refuses the token that the gateway holds.
        var answer = await Patience.UntilAsync(() => mesh.Gateway.GetAsync("/users?limit=1", key.Key), answer => answer.Status != 401);
        answer.AssertError(403, "forbidden", "Admin access required");

        async Task SetRoleAsync(string role) => Assert.Equal(
            200, (await mesh.Gateway.CallAsync(HttpMethod.Patch, $"/users/{user.UserId}", admin, new { role })).Status);
    }

    [Fact]
    public async Task A_key_is_nobody_on_a_page_and_at_a_link()
    {
        var user = await mesh.Gateway.SignUpAsync();
        var key = await mesh.Gateway.AddKeyAsync(user.Token, Mesh, AccountRead);
        var token = await mesh.Identity.KeyTokenAsync(key.Key);

        foreach (var credential in (string[])[key.Key, token])
        {
            var page = await mesh.Gateway.GetAsync("/me", credential);
            Assert.Equal((303, "/signin?return=%2Fme"), (page.Status, page.Header("Location")));
        }

        // Nor does the token of a sign-in open a page: a page knows its person by the cookie alone.
        Assert.Equal(303, (await mesh.Gateway.GetAsync("/me", user.Token)).Status);
        var byCookie = await mesh.Gateway.SendAsync(
            HttpMethod.Get, "/me", change: request => request.Headers.Add("Cookie", $"__Host-authmesh={user.Cookie}"));
        Assert.Equal(200, byCookie.Status);
    }

    // Ids that nobody has, and no bodies: even an accepted call would change nothing.
    private static Task<Answer> CallAsync(Caller caller, string endpoint, string token, SignedIn owner)
    {
        var (method, path) = endpoint.Split(' ') is [var verb, var route] ? (verb, route) : throw new ArgumentException(endpoint);
        path = path.Replace("{id}", method == "GET" ? owner.UserId.ToString() : Guid.Empty.ToString(), StringComparison.Ordinal);
        return caller.SendAsync(
            new HttpMethod(method), path, change: request => request.Headers.Authorization = new("Bearer", token));
    }

    private static string Describe(Answer answer) => answer.Status == 200 ? "200" : $"{answer.Status} {answer.Code}";
}
