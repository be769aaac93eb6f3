using System.Net.Http.Json;
using AuthMesh.Tests.ApiKeys;
using AuthMesh.Tests.Applications;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.OpenId;
using AuthMesh.Tests.Pages;
using AuthMesh.Tests.Sessions;
using Microsoft.IdentityModel.JsonWebTokens;
using ModelContextProtocol;
using ModelContextProtocol.AspNetCore;
using ModelContextProtocol.Authentication;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace AuthMesh.Tests.Audiences;

/// <summary>
/// The official client of the Model Context Protocol signs its user in at an MCP server behind the mesh. It knows only the address of the
/// server and its own client_id, and finds out the rest from a challenge.
/// </summary>
public sealed class McpTests(ProductionMesh mesh) : IAsyncDisposable
{
    private const string Callback = "http://127.0.0.1:7777/callback";

    private McpServer server = null!; // of one test

    [Theory]
    [InlineData("2025-11-25", HttpServerSessionMode.Stateful)] // with a session of the protocol, and a stream of the server
    [InlineData("2025-11-25", HttpServerSessionMode.Stateless)]
    [InlineData("2026-07-28", HttpServerSessionMode.Stateless)] // which has no sessions any more
    public async Task An_agent_signs_its_user_in_and_loses_access_in_the_middle_of_its_work(string revision, HttpServerSessionMode mode)
    {
        server = await McpServer.StartAsync(mesh, mode);
        var application = await AddApplicationAsync();
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var person = new Person(visitor);
        await using var agent = await ConnectAsync(application, person, revision);

        // 1. It works.
        Assert.Equal(revision, agent.NegotiatedProtocolVersion);
        Assert.Equal(["owner", "work"], (await agent.ListToolsAsync(cancellationToken: Cancel)).Select(tool => tool.Name).Order());
        Assert.Equal(username, await OwnerAsync(agent));
        Assert.Equal(1, person.Asked);

        // 2. Its user signs out while it is at work.
        var atWork = new TaskCompletionSource();
        var work = agent.CallToolAsync(
            "work", progress: new Reported(atWork.SetResult), cancellationToken: Cancel).AsTask();
        await atWork.Task.WaitAsync(TimeSpan.FromSeconds(20), Cancel);
        await Patience.UntilAsync(() => server.OpenStreams == (mode == HttpServerSessionMode.Stateful ? 2 : 1));
        Assert.Equal(303, (await visitor.PostAsync("/signout")).Status);

        // 3. The work ends, no stream stays open, and the next call is refused: its user would have to sign in again.
        await Assert.ThrowsAnyAsync<Exception>(() => work.WaitAsync(TimeSpan.FromSeconds(20), Cancel));
        Assert.True(work.IsCompleted, "The work went on");
        await Patience.UntilAsync(() => server.OpenStreams == 0);
        await Assert.ThrowsAnyAsync<Exception>(() => OwnerAsync(agent).WaitAsync(TimeSpan.FromSeconds(20), Cancel));
        Assert.Equal("/signin", person.LastPath);
    }

    [Fact]
    public async Task The_token_of_an_agent_opens_its_server_and_nothing_else()
    {
        server = await McpServer.StartAsync(mesh, HttpServerSessionMode.Stateless);
        var application = await AddApplicationAsync();
        var (visitor, username) = await mesh.VisitSignedInAsync();
        var person = new Person(visitor);
        await using var agent = await ConnectAsync(application, person);
        Assert.Equal(username, await OwnerAsync(agent));
        var token = person.Tokens.Last!.AccessToken;

        var claims = new JsonWebToken(token);
        Assert.Equal(
            (McpServer.Audience, application.ClientId, McpServer.Scope),
            (claims.Audiences.Single(), claims.GetClaim("client_id").Value, claims.GetClaim("scope").Value));
        Assert.Equal(200, await CallAsync(token));
        foreach (var path in (string[])["/protected", "/account", "/account/sessions", "/events"])
        {
            (await server.Gateway.GetAsync(path, token)).AssertError(401, "invalid_token");
        }

        (await mesh.Resource.GetAsync("/protected", token)).AssertError(401, "invalid_token");
        Assert.Equal(200, await CallAsync(token));

        // A token of the mesh does not open it, though its user may do everything.
        Assert.Equal(401, await CallAsync((await mesh.Gateway.SignUpAsync()).Token));
    }

    [Fact]
    public async Task A_cookie_and_a_key_open_the_server_too()
    {
        server = await McpServer.StartAsync(mesh, HttpServerSessionMode.Stateless);
        var user = await mesh.Gateway.SignUpAsync();
        var (limited, other) = (await KeyAsync(McpServer.Scope), await KeyAsync("orders.read"));

        Assert.Equal(200, await CallAsync(limited));
        Assert.Equal(403, await CallAsync(other));
        Assert.Equal(200, await CallAsync(null, request => request.Headers.Add("Cookie", $"__Host-authmesh={user.Cookie}")));

        Assert.Equal(200, (await server.Gateway.LogoutAsync(user.Token)).Status);
        await Patience.UntilAsync(async () =>
            await CallAsync(null, request => request.Headers.Add("Cookie", $"__Host-authmesh={user.Cookie}")) == 401);

        async Task<string> KeyAsync(string scope) =>
            (await mesh.Gateway.AddKeyAsync(user.Token, scope)).Key;
    }

    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? default;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<RegisteredClient> AddApplicationAsync() => await mesh.Gateway.AddClientAsync(
        await mesh.AdminTokenAsync(), "native",
        new
        {
            first_party = false, require_consent = true, audiences = (string[])[McpServer.Audience],
            redirect_uris = (string[])["http://127.0.0.1/callback"],
        },
        [McpServer.Scope]);

    private Task<McpClient> ConnectAsync(RegisteredClient application, Person person, string? revision = null) => McpClient.CreateAsync(
        new HttpClientTransport(
            new HttpClientTransportOptions
            {
                Endpoint = new Uri(McpServer.Audience),
                TransportMode = HttpTransportMode.StreamableHttp,
                MaxReconnectionAttempts = 1,
                OAuth = new ClientOAuthOptions
                {
                    ClientId = application.ClientId,
                    RedirectUri = new Uri(Callback),
                    AuthorizationCallbackHandler = person.SignInAsync,
                    TokenCache = person.Tokens,
                },
            },
            new HttpClient(new ThroughGateway(server.Gateway.Address)), ownsHttpClient: true),
        new McpClientOptions { ProtocolVersion = revision },
        cancellationToken: Cancel);

    private static async Task<string> OwnerAsync(McpClient agent)
    {
        var result = await agent.CallToolAsync("owner", cancellationToken: Cancel);
        return Assert.IsType<TextContentBlock>(Assert.Single(result.Content)).Text;
    }

    /// <summary>A call by hand, and its status.</summary>
    private async Task<int> CallAsync(string? token, Action<HttpRequestMessage>? change = null)
    {
        var answer = await server.Gateway.SendAsync(
            HttpMethod.Post, "/mcp",
            JsonContent.Create(new
            {
                jsonrpc = "2.0",
                id = 1,
                method = "initialize",
                @params = new { protocolVersion = "2025-11-25", capabilities = new { }, clientInfo = new { name = "x", version = "1" } },
            }),
            request =>
            {
                request.Headers.Accept.ParseAdd("application/json, text/event-stream");
                if (token is not null)
                {
                    request.Headers.Authorization = new("Bearer", token);
                }

                change?.Invoke(request);
            });
        return answer.Status;
    }

    /// <summary>A person with a browser, who lets the agent act for them.</summary>
    private sealed class Person(Visitor visitor)
    {
        public int Asked { get; private set; }

        /// <summary>The page on which the last request ended.</summary>
        public string? LastPath { get; private set; }

        public RememberedTokens Tokens { get; } = new();

        public async Task<AuthorizationResult?> SignInAsync(AuthorizationCallbackContext context, CancellationToken cancellationToken)
        {
            Asked++;
            var asked = await visitor.GetAsync(context.AuthorizationUri.PathAndQuery);
            Assert.True(asked.Status == 303, asked.ToString());
            var next = asked.Header("Location")!;
            LastPath = next.Split('?')[0];
            if (LastPath != "/consent")
            {
                throw new InvalidOperationException("Its user would have to sign in again.");
            }

            var allowed = await visitor.PostAsync("/consent", ("continue", next.Split('=')[1]), ("decision", "allow"));
            var back = allowed.LedBackTo(Callback);
            return new AuthorizationResult { Code = back["code"], State = back["state"], Iss = back["iss"] };
        }
    }

    /// <summary>Sends what is meant for the public origin to the gateway of the test.</summary>
    private sealed class ThroughGateway(Uri gateway)
        : DelegatingHandler(new SocketsHttpHandler { UseCookies = false, AllowAutoRedirect = false, UseProxy = false })
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var meant = request.RequestUri!;
            Assert.Equal(ProductionMesh.Issuer, meant.GetLeftPart(UriPartial.Authority));
            request.Headers.Host = meant.Authority;
            request.RequestUri = new Uri(gateway, meant.PathAndQuery);
            var response = await base.SendAsync(request, cancellationToken);
            request.RequestUri = meant; // the client sends it again, with a token
            return response;
        }
    }

    private sealed class RememberedTokens : ITokenCache
    {
        public TokenContainer? Last { get; private set; }

        public ValueTask StoreTokensAsync(TokenContainer tokens, CancellationToken cancellationToken)
        {
            Last = tokens;
            return ValueTask.CompletedTask;
        }

        public ValueTask<TokenContainer?> GetTokensAsync(CancellationToken cancellationToken) => ValueTask.FromResult(Last);
    }

    private sealed class Reported(Action report) : IProgress<ProgressNotificationValue>
    {
        public void Report(ProgressNotificationValue value) => report();
    }
}
