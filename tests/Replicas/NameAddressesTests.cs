using AuthMesh.Replicas;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Replicas;

public sealed class NameAddressesTests : IDisposable
{
    private const string Name = "service.test";

    private readonly NameServer server = new();
    private readonly FakeTimeProvider clock = new();
    private readonly LogLines<NameAddresses> log = new();
    private readonly NameAddresses names;

    public NameAddressesTests() => names = new(server.LookUp, Options.Create(new AuthMeshOptions()), clock, log);

    [Theory]
    [InlineData("http://service.test:8080/", "service.test")]
    [InlineData("https://Service.Test/path", "service.test")]
    [InlineData("http://localhost:8080/", null)]
    [InlineData("http://127.0.0.1:8080/", null)]
    [InlineData("http://10.0.0.7:8080/", null)]
    [InlineData("http://[::1]:8080/", null)]
    [InlineData("http://[2001:db8::7]/", null)]
    public void Only_names_of_other_hosts_are_looked_up(string address, string? name) =>
        Assert.Equal(name, NameAddresses.NameIn(new Uri(address)));

    [Fact]
    public async Task A_name_gets_its_addresses_with_the_first_lookup_and_new_ones_with_a_later_one()
    {
        server.Set(Name, "10.0.0.2", "10.0.0.1");
        await StartAsync();
        Assert.Equal(["10.0.0.1", "10.0.0.2"], Found());
        var changed = names.Changed;

        server.Set(Name, "10.0.0.3", "10.0.0.2");
        clock.Advance(TimeSpan.FromSeconds(1)); // before the interval
        Assert.False(changed.IsCancellationRequested);
        await LookUpAgainAsync();

        await Patience.UntilAsync(() => changed.IsCancellationRequested);
        Assert.Equal(["10.0.0.2", "10.0.0.3"], Found());
    }

    [Fact]
    public async Task Another_order_of_the_same_addresses_is_no_change()
    {
        server.Set(Name, "10.0.0.1", "10.0.0.2");
        await StartAsync();
        var changed = names.Changed;

        server.Set(Name, "10.0.0.2", "10.0.0.1", "10.0.0.2");
        await LookUpAgainAsync();
        await LookUpAgainAsync(); // by now, the first answer has been read

        Assert.False(changed.IsCancellationRequested);
        Assert.Equal(["10.0.0.1", "10.0.0.2"], Found());
    }

    [Theory]
    [InlineData("10.0.0.1 2001:db8::1 10.0.0.2 2001:db8::2", "10.0.0.1 10.0.0.2")]
    [InlineData("2001:db8::2 2001:db8::1", "2001:db8::1 2001:db8::2")]
    public async Task A_replica_with_addresses_of_both_families_counts_once(string all, string used)
    {
        server.Set(Name, all.Split(' '));
        await StartAsync();

        Assert.Equal(used.Split(' '), Found());
    }

    [Fact]
    public async Task A_name_that_no_longer_resolves_keeps_its_addresses_and_the_log_says_so_once()
    {
        server.Set(Name, "10.0.0.1");
        await StartAsync();
        var changed = names.Changed;

        server.Lose(Name);
        await LookUpAgainAsync();
        await LookUpAgainAsync();

        Assert.Equal(["10.0.0.1"], Found());
        Assert.False(changed.IsCancellationRequested);
        Assert.Contains($"The name {Name} cannot be resolved", Assert.Single(log.At(LogLevel.Warning)), StringComparison.Ordinal);

        server.Set(Name); // no address, as a Service of Kubernetes without ready pods
        await LookUpAgainAsync();
        Assert.Equal(["10.0.0.1"], Found());

        server.Set(Name, "10.0.0.9");
        await LookUpAgainAsync();
        await Patience.UntilAsync(() => changed.IsCancellationRequested);
        Assert.Equal(["10.0.0.9"], Found());
    }

    [Fact]
    public async Task A_name_that_never_resolved_has_no_address_and_gets_one_later()
    {
        await StartAsync();
        Assert.Empty(Found());

        server.Set(Name, "10.0.0.1");
        await LookUpAgainAsync();

        await Patience.UntilAsync(() => Found() is ["10.0.0.1"]);
    }

    [Fact]
    public async Task A_slow_name_server_delays_a_start_by_a_second_at_most_and_gets_one_question_at_a_time()
    {
        server.Hold = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        server.Set(Name, "10.0.0.1");
        var start = StartAsync();
        Assert.False(start.IsCompleted);

        clock.Advance(TimeSpan.FromSeconds(1));
        await start;
        Assert.Empty(Found());
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(1, server.Lookups);

        server.Hold.SetResult();
        await Patience.UntilAsync(() => Found() is ["10.0.0.1"]);
    }

    public void Dispose() => names.Dispose();

    private string[] Found() => [.. names.Find(Name).Select(address => address.ToString())];

    private async Task StartAsync()
    {
        _ = names.Find(Name);
        await names.StartAsync(TestContext.Current.CancellationToken);
    }

    private async Task LookUpAgainAsync()
    {
        var before = server.Lookups;
        await Patience.UntilAsync(() =>
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            return server.Lookups > before;
        });
    }
}
