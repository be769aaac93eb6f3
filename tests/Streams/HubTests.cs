using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using AuthMesh.Access;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Streams;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Connections;
using Microsoft.AspNetCore.SignalR;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Tests.Streams;

/// <summary>A hub with two replicas behind the gateway, as docs/live-connections.md shows it, and SignalR's own client.</summary>
public sealed class HubTests(HubTests.Mesh mesh) : IClassFixture<HubTests.Mesh>
{
    public static TheoryData<HttpTransportType> Transports =>
        [HttpTransportType.WebSockets, HttpTransportType.LongPolling, HttpTransportType.ServerSentEvents];

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task Every_session_stays_at_one_replica_and_the_replicas_share_the_sessions(HttpTransportType transport)
    {
        var seen = new HashSet<string>();
        for (var i = 0; i < 50 && seen.Count < Mesh.Names.Length; i++)
        {
            var session = mesh.SignIn();
            await using var first = await ConnectAsync(mesh.Gateway, session.Token, transport);
            await using var second = await ConnectAsync(mesh.Gateway, session.Token, transport);
            var replica = await first.InvokeAsync<string>("Where", StreamCalls.Soon());
            Assert.Equal(replica, await second.InvokeAsync<string>("Where", StreamCalls.Soon()));
            seen.Add(replica);
        }

        Assert.Equal(Mesh.Names, seen.Order());
    }

    [Theory]
    [MemberData(nameof(Transports))]
    public async Task The_end_of_the_session_closes_the_connection_and_refuses_calls(HttpTransportType transport)
    {
        var session = mesh.SignIn();
        var other = mesh.SignIn();
        await using var ended = await ConnectAsync(mesh.Gateway, session.Token, transport);
        await using var stays = await ConnectAsync(mesh.Gateway, other.Token, transport);
        var closed = new TaskCompletionSource();
        ended.Closed += _ =>
        {
            closed.TrySetResult();
            return Task.CompletedTask;
        };
        await ended.InvokeAsync<string>("Where", StreamCalls.Soon());

        mesh.Identity.Tell("session-ended", new { sid = session.Id });

        await closed.Task.WaitAsync(StreamCalls.Soon());
        await Assert.ThrowsAnyAsync<Exception>(() => ended.InvokeAsync<string>("Where", StreamCalls.Soon()));
        Assert.Contains(await stays.InvokeAsync<string>("Where", StreamCalls.Soon()), Mesh.Names);
    }

    /// <summary>Past the gateway, which may otherwise hear of the end first and close the connection.</summary>
    [Theory]
    [MemberData(nameof(Transports))]
    public async Task The_replica_itself_tells_the_hub_of_the_end_and_takes_no_call_after_it(HttpTransportType transport)
    {
        var session = mesh.SignIn();
        await using var hub = await ConnectAsync(mesh.Replica, session.Token, transport);
        await hub.InvokeAsync("Watch", session.Id, StreamCalls.Soon());

        mesh.Identity.Tell("session-ended", new { sid = session.Id });

        await Patience.UntilAsync(() => Chat.Ended.ContainsKey(session.Id));
        await Assert.ThrowsAnyAsync<Exception>(() => hub.InvokeAsync<string>("Where", StreamCalls.Soon()));
    }

    /// <summary>Nobody has judged the caller of a hub for everybody, so its methods judge a token as endpoints do.</summary>
    [Theory]
    [MemberData(nameof(Transports))]
    public async Task A_hub_for_everybody_lets_a_limited_token_call_only_what_everybody_may(HttpTransportType transport)
    {
        string[] guarded = [nameof(Open.SignedIn), nameof(Open.Own), nameof(Open.OwnRole), nameof(Open.Admin)];
        var limited = mesh.SignIn("orders.read").Token;
        foreach (var token in (string?[])[null, limited, mesh.SignInApplication("orders.read")])
        {
            await using var hub = await ConnectAsync(mesh.Replica, token, transport, "/open");
            Assert.Equal("yes", await hub.InvokeAsync<string>(nameof(Open.Free), StreamCalls.Soon()));
            foreach (var method in guarded)
            {
                await Assert.ThrowsAsync<HubException>(() => hub.InvokeAsync<string>(method, StreamCalls.Soon()));
            }
        }

        foreach (var token in (string[])[mesh.SignIn().Token, mesh.SignIn("mesh orders.read").Token])
        {
            await using var hub = await ConnectAsync(mesh.Replica, token, transport, "/open");
            Assert.Equal("yes", await hub.InvokeAsync<string>(nameof(Open.SignedIn), StreamCalls.Soon()));
            Assert.Equal("yes", await hub.InvokeAsync<string>(nameof(Open.Own), StreamCalls.Soon()));
            await Assert.ThrowsAsync<HubException>(() => hub.InvokeAsync<string>(nameof(Open.Admin), StreamCalls.Soon()));
        }

        // An endpoint that names the scope has admitted the caller.
        await using var scoped = await ConnectAsync(mesh.Replica, limited, transport, "/scoped");
        Assert.Equal("yes", await scoped.InvokeAsync<string>(nameof(Open.Own), StreamCalls.Soon()));
    }

    private static async Task<HubConnection> ConnectAsync(Uri address, string? token, HttpTransportType transport, string path = "/chat")
    {
        var connection = new HubConnectionBuilder().WithUrl(new Uri(address, path), options =>
        {
            options.Transports = transport;
            options.AccessTokenProvider = () => Task.FromResult(token);
            options.UseDefaultCredentials = false;
            options.Proxy = null;
        }).Build();
        await connection.StartAsync(StreamCalls.Soon());
        return connection;
    }

    /// <summary>The gateway and the two replicas.</summary>
    public sealed class Mesh : IAsyncLifetime
    {
        public static readonly string[] Names = ["one", "two"];

        private readonly List<MeshService> replicas = [];
        private readonly LoneGateway gateway;
        private readonly int[] ports = [Ports.Free(), Ports.Free()];

        public Mesh() => gateway = new LoneGateway(new Dictionary<string, string>(
            Route("chat", ["GET"], ("Streaming", "true"), ("TokenInQuery", "true"), ("Affinity", "session"))
                .Concat(Route("chat-negotiation", ["POST", "DELETE"], ("Affinity", "session")))
                .Concat(Names.Select((name, i) => KeyValuePair.Create(
                    $"ReverseProxy:Clusters:chat:Destinations:{name}:Address", Loopback.Origin(ports[i]))))));

        public Uri Gateway => gateway.Caller.Address;

        /// <summary>One of the replicas, past the gateway.</summary>
        public Uri Replica => new(Loopback.Origin(ports[0]));

        internal FakeIdentity Identity => gateway.Identity;

        public async ValueTask InitializeAsync()
        {
            await gateway.InitializeAsync();
            foreach (var (name, port) in Names.Zip(ports))
            {
                replicas.Add(await StartAsync(name, port));
            }
        }

        public async ValueTask DisposeAsync()
        {
            foreach (var replica in replicas)
            {
                await replica.DisposeAsync();
            }

            await gateway.DisposeAsync();
        }

        /// <summary>Signs a user in, or lets a key act for one with these scopes.</summary>
        public (Guid Id, string Token) SignIn(string? scope = null)
        {
            var claims = scope is null ? gateway.Identity.SignIn().Claims : gateway.Identity.AddKey(scope).Claims;
            return (Guid.Parse(claims["sid"]!.GetValue<string>()), gateway.Identity.Sign(claims));
        }

        /// <summary>The token of an application in its own name.</summary>
        public string SignInApplication(string scope)
        {
            var claims = gateway.Identity.AddKey(scope).Claims;
            claims.Remove("preferred_username");
            return gateway.Identity.Sign(claims);
        }

        private Task<MeshService> StartAsync(string name, int port) => MeshService.StartAsync(
            port, gateway.Identity, app =>
            {
                app.MapHub<Chat>("/chat");
                app.MapHub<Open>("/open").AllowAnonymous();
                app.MapHub<Open>("/scoped").RequireScope("orders.read");
            },
            builder =>
            {
                builder.Services.AddSignalR();
                builder.Services.AddAuthorizationBuilder().AddPolicy("own", policy => policy.RequireAuthenticatedUser());
                builder.Services.AddSingleton(new ReplicaName(name));
            });

        private static IEnumerable<KeyValuePair<string, string>> Route(
            string name, string[] methods, params (string Name, string Value)[] metadata) =>
        [
            new($"ReverseProxy:Routes:{name}:ClusterId", "chat"),
            new($"ReverseProxy:Routes:{name}:Match:Path", "/chat/{**rest}"),
            .. methods.Select((method, i) => KeyValuePair.Create($"ReverseProxy:Routes:{name}:Match:Methods:{i}", method)),
            new($"ReverseProxy:Routes:{name}:AuthorizationPolicy", "signed-in"),
            .. metadata.Select(pair => KeyValuePair.Create($"ReverseProxy:Routes:{name}:Metadata:{pair.Name}", pair.Value)),
        ];
    }

    private sealed record ReplicaName(string Name);

    private sealed class Chat(ReplicaName replica) : Hub
    {
        public static ConcurrentDictionary<Guid, bool> Ended { get; } = new();

        public string Where() => replica.Name;

        public void Watch(Guid session) => Context.GetHttpContext()!.SessionEnded.Register(() => Ended[session] = true);
    }

    [SuppressMessage("Performance", "CA1822", Justification = "SignalR calls methods of an instance.")]
    private sealed class Open : Hub
    {
        public string Free() => "yes";

        [Authorize]
        public string SignedIn() => "yes";

        [Authorize("own")]
        public string Own() => "yes";

        [Authorize("own", Roles = "admin")]
        public string OwnRole() => "yes";

        [Authorize(Policies.Admin)]
        public string Admin() => "yes";
    }
}
