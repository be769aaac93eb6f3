using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Mail;

namespace AuthMesh.Tests.Replicas;

/// <summary>The destinations of a name, with the proxy library and replicas on real sockets.</summary>
public sealed class DestinationTests
{
    private const string Name = "replica.test", One = "127.0.0.2", Two = "127.0.0.3";

    private readonly NameServer server = new();

    [Fact]
    public async Task Requests_go_to_each_address_of_a_name_and_keep_the_name_as_their_host()
    {
        await using var one = await NamedReplica.StartAsync(One);
        await using var two = await NamedReplica.StartAsync(Two, one.Port);
        server.Set(Name, One, Two);
        await using var proxy = await SmallProxy.StartAsync(server, $"http://{Name}:{one.Port}/");

        Assert.Equal([$"200 {One} {Name}:{one.Port}", $"200 {Two} {Name}:{one.Port}"], (await proxy.AskAsync()).Order());
    }

    [Fact]
    public async Task Addresses_come_and_go_while_the_proxy_runs()
    {
        await using var one = await NamedReplica.StartAsync(One);
        await using var two = await NamedReplica.StartAsync(Two, one.Port);
        server.Set(Name, One);
        await using var proxy = await SmallProxy.StartAsync(server, $"http://{Name}:{one.Port}/");
        Assert.StartsWith($"200 {One}", Assert.Single(await proxy.AskAsync()), StringComparison.Ordinal);

        server.Set(Name, Two, One);
        await proxy.UntilAsync(async () => (await proxy.AskAsync()).Count == 2);

        server.Set(Name, Two);
        await proxy.UntilAsync(async () =>
            (await proxy.AskAsync()).All(answer => answer.StartsWith($"200 {Two}", StringComparison.Ordinal)));

        server.Lose(Name); // the last known address stays
        var lookups = server.Lookups;
        await proxy.UntilAsync(() => Task.FromResult(server.Lookups > lookups + 1));
        Assert.StartsWith($"200 {Two}", Assert.Single(await proxy.AskAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_does_not_resolve_stops_no_start_and_is_used_once_it_does()
    {
        await using var one = await NamedReplica.StartAsync(One);
        await using var proxy = await SmallProxy.StartAsync(server, $"http://{Name}:{one.Port}/");
        Assert.Equal(502, (await proxy.Caller.GetAsync("/")).Status);

        server.Set(Name, One);

        await proxy.UntilAsync(async () => (await proxy.Caller.GetAsync("/")).Status == 200);
    }

    [Theory]
    [InlineData("http://127.0.0.2:PORT/", "127.0.0.2:PORT")]
    [InlineData("http://localhost:PORT/", "localhost:PORT")]
    public async Task An_address_without_a_name_of_another_host_is_used_as_it_is(string address, string host)
    {
        var isLocalhost = address.Contains("localhost", StringComparison.Ordinal);
        await using var one = await NamedReplica.StartAsync(isLocalhost ? "127.0.0.1" : One);
        await using var proxy = await SmallProxy.StartAsync(server, address.Replace("PORT", $"{one.Port}", StringComparison.Ordinal));

        var answer = Assert.Single(await proxy.AskAsync());

        Assert.EndsWith($" {host.Replace("PORT", $"{one.Port}", StringComparison.Ordinal)}", answer, StringComparison.Ordinal);
        Assert.Equal(0, server.Lookups);
    }

    [Theory]
    [InlineData("mail.example.test", 200)]
    [InlineData("other.example.test", 502)]
    public async Task A_replica_needs_a_certificate_for_the_name(string name, int status)
    {
        await using var one = await NamedReplica.StartAsync(One, certificate: TestCertificates.OfAnotherName); // for mail.example.test
        server.Set(name, One);
        await using var proxy = await SmallProxy.StartAsync(server, $"https://{name}:{one.Port}/");

        Assert.Equal(status, (await proxy.Caller.GetAsync("/")).Status);
    }

    [Fact]
    public async Task A_replica_that_joins_gets_no_request_before_it_is_ready()
    {
        await using var one = await NamedReplica.StartAsync(One);
        await using var two = await NamedReplica.StartAsync(Two, one.Port);
        two.Readiness = 503;
        server.Set(Name, One);
        await using var proxy = await SmallProxy.StartAsync(server, $"http://{Name}:{one.Port}/", isProbed: true);
        await Patience.UntilAsync(() => one.Probed > 1); // the proxy has taken in the answer of the first

        server.Set(Name, One, Two);
        var lookups = server.Lookups;
        await proxy.UntilAsync(async () => (await proxy.AskAsync()).Count == 1 && server.Lookups > lookups + 3);
        Assert.Equal(0, two.Answered);

        two.Readiness = 200;
        await Patience.UntilAsync(async () => (await proxy.AskAsync()).Count == 2);
    }

    [Fact]
    public async Task A_replica_that_says_it_stops_gets_no_further_request_unless_it_is_the_only_one()
    {
        await using var one = await NamedReplica.StartAsync(One);
        await using var two = await NamedReplica.StartAsync(Two, one.Port);
        server.Set(Name, One, Two);
        await using var proxy = await SmallProxy.StartAsync(server, $"http://{Name}:{one.Port}/", isProbed: true);
        await Patience.UntilAsync(async () => (await proxy.AskAsync()).Count == 2);

        two.Readiness = 503;
        await Patience.UntilAsync(async () => (await proxy.AskAsync()).Count == 1);
        var answered = two.Answered;
        await proxy.AskAsync();
        Assert.Equal(answered, two.Answered);

        one.Readiness = 503; // now neither is ready, and each caller gets the answer of one of them
        await Patience.UntilAsync(async () => (await proxy.AskAsync()).Count == 2);
    }

    [Fact]
    public async Task A_single_replica_that_does_not_answer_gets_no_request_until_it_does()
    {
        var one = await NamedReplica.StartAsync(One);
        var port = one.Port;
        server.Set(Name, One);
        await using var proxy = await SmallProxy.StartAsync(server, $"http://{Name}:{port}/", isProbed: true);
        await Patience.UntilAsync(async () => (await proxy.Caller.GetAsync("/")).Status == 200);

        await one.DisposeAsync();
        await Patience.UntilAsync(async () => (await proxy.Caller.GetAsync("/")).Status == 503); // without an attempt, which would be 502

        await using var again = await NamedReplica.StartAsync(One, port);
        again.Readiness = 503; // it answers now, even if it is not ready
        await Patience.UntilAsync(async () => (await proxy.Caller.GetAsync("/")).Status == 200);
    }
}
