using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Gateway;

/// <summary>
/// One working and one failing replica, with no health check that tells them apart: with round robin, by the proxy's pipeline, and with the
/// default balancing, by the direct way.
/// </summary>
public sealed class RetryTests : IAsyncLifetime
{
    private const int Requests = 10;
    private const string RoundRobin = "RoundRobin";

    private readonly TcpListener hangsUp = new(Loopback.Address, 0);
    private readonly Socket deaf = new(Loopback.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> waiting = []; // for the deaf one to accept them
    private readonly Echo well = new();
    private LoneGateway gateway = null!;
    private readonly ConcurrentQueue<string> taken = new(); // the paths requested from the replica that hangs up

    public async ValueTask InitializeAsync()
    {
        hangsUp.Start();
        _ = HangUpAsync();
        BeDeaf();
        await well.StartAsync();
        gateway = new LoneGateway(new Dictionary<string, string>(
        [
            .. Pair("unreachable", Loopback.Origin(9), RoundRobin), .. Pair("unreachable-direct", Loopback.Origin(9), null),
            .. Pair("nameless", "http://no-such-name.invalid:9/", RoundRobin),
            .. Pair("deaf", $"http://{deaf.LocalEndPoint}/", "FirstAlphabetical"),
            .. Pair("silent", $"http://{hangsUp.LocalEndpoint}/", RoundRobin),
            .. Pair("silent-direct", $"http://{hangsUp.LocalEndpoint}/", null),
            .. Nobody("nowhere", RoundRobin), .. Nobody("nowhere-direct", null),
        ]));
        await gateway.InitializeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await gateway.DisposeAsync();
        await well.DisposeAsync();
        hangsUp.Dispose();
        waiting.ForEach(socket => socket.Dispose());
        deaf.Dispose();
    }

    [Theory]
    [InlineData("unreachable")]
    [InlineData("unreachable-direct")]
    [InlineData("silent")]
    [InlineData("silent-direct")]
    public async Task A_safe_request_is_retried_at_the_other_replica(string sick)
    {
        var answers = await AskAsync(HttpMethod.Get, $"/{sick}");

        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        Assert.All(answers, answer => Assert.Equal("nosniff", answer.Header("X-Content-Type-Options")));
    }

    [Fact]
    public async Task An_unsafe_request_is_not_retried_once_its_connection_was_open()
    {
        var answers = await AskAsync(HttpMethod.Post, "/silent");

        Assert.Equal(Requests / 2, answers.Count(answer => answer.Status == 200));
        Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.AssertError(503, "service_unavailable"));
        Assert.Equal(Requests / 2, taken.Count);
    }

    [Theory]
    [InlineData("unreachable")]
    [InlineData("nameless")]
    public async Task An_unsafe_request_is_retried_with_its_body_when_no_connection_could_be_opened(string sick)
    {
        for (var i = 0; i < Requests; i++)
        {
            var answer = await gateway.Caller.PostAsync($"/{sick}?Read=all", new { number = i });

            Assert.Equal(200, answer.Status);
            Assert.Equal($$"""{"number":{{i}}}""", answer.Header("Arrived-Body"));
        }
    }

    [Fact]
    public async Task A_connection_that_nobody_accepts_was_not_opened()
    {
        var answer = await gateway.Caller.PostAsync("/deaf", new { number = 1 }); // tries the deaf one first, for two seconds

        Assert.Equal(200, answer.Status);
    }

    [Theory]
    [InlineData("nowhere")]
    [InlineData("nowhere-direct")]
    public async Task A_safe_request_tries_every_replica_before_503(string name)
    {
        (await gateway.Caller.GetAsync($"/{name}")).AssertError(503, "service_unavailable");

        Assert.Equal([$"/one/{name}", $"/two/{name}"], taken.Distinct().Order()); // the HTTP client may retry each by itself
    }

    // One at a time, so that the replicas alternate.
    private async Task<List<Answer>> AskAsync(HttpMethod method, string path)
    {
        var answers = new List<Answer>();
        for (var i = 0; i < Requests; i++)
        {
            answers.Add(await gateway.Caller.SendAsync(method, path));
        }

        return answers;
    }

    private IEnumerable<KeyValuePair<string, string>> Pair(string name, string sick, string? balancing) =>
    [
        .. Route(name, balancing),
        new($"ReverseProxy:Clusters:{name}:Destinations:sick:Address", sick),
        new($"ReverseProxy:Clusters:{name}:Destinations:well:Address", well.Address.ToString()),
    ];

    private IEnumerable<KeyValuePair<string, string>> Nobody(string name, string? balancing) =>
    [
        .. Route(name, balancing),
        new($"ReverseProxy:Clusters:{name}:Destinations:one:Address", $"http://{hangsUp.LocalEndpoint}/one/"),
        new($"ReverseProxy:Clusters:{name}:Destinations:two:Address", $"http://{hangsUp.LocalEndpoint}/two/"),
    ];

    private static IEnumerable<KeyValuePair<string, string>> Route(string name, string? balancing) =>
    [
        new($"ReverseProxy:Routes:{name}:ClusterId", name),
        new($"ReverseProxy:Routes:{name}:Match:Path", $"/{name}"),
        new($"ReverseProxy:Routes:{name}:Match:Methods:0", "GET"),
        new($"ReverseProxy:Routes:{name}:Match:Methods:1", "POST"),
        new($"ReverseProxy:Routes:{name}:AuthorizationPolicy", "anonymous"),
        new($"ReverseProxy:Clusters:{name}:LoadBalancingPolicy", balancing ?? "PowerOfTwoChoices"),
    ];

    // Listens, but accepts nobody: once its queue is full, a connection is never opened.
    private void BeDeaf()
    {
        deaf.Bind(new IPEndPoint(Loopback.Address, 0));
        deaf.Listen(1);
        for (var i = 0; i < 8; i++)
        {
            var socket = new Socket(Loopback.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { Blocking = false };
            waiting.Add(socket);
            try
            {
                socket.Connect(deaf.LocalEndPoint!);
            }
            catch (SocketException exception) when (exception.SocketErrorCode is SocketError.WouldBlock or SocketError.InProgress)
            {
                // goes on by itself
            }
        }
    }

    private async Task HangUpAsync()
    {
        while (true)
        {
            try
            {
                using var connection = await hangsUp.AcceptSocketAsync();
                var request = new byte[4096];
                var length = await connection.ReceiveAsync(request); // reads the request, so the replica may have acted on it
                taken.Enqueue(Encoding.ASCII.GetString(request, 0, length).Split(' ')[1]);
            }
            catch (SocketException)
            {
                return; // the test is over
            }
        }
    }
}
