using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthMesh.Identity.Applications;
using AuthMesh.Identity.OpenId.BackchannelLogout;
using AuthMesh.LocalMesh;
using AuthMesh.Tests.Harness;
using AuthMesh.Tests.Tls;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace AuthMesh.Tests.OpenId;

/// <summary>One try to tell an application, and the leases of several workers, on a real database with real endpoints.</summary>
[Collection<OnLogoutDatabase>]
public sealed class LogoutDeliveryTests(LogoutDatabase logouts) : IAsyncLifetime
{
    private const int MegaByte = 1024 * 1024;

    private readonly List<SendLogoutToken> senders = [];
    private LogoutEndpoint endpoint = null!;

    public async ValueTask InitializeAsync()
    {
        await logouts.ResetAsync();
        endpoint = await LogoutEndpoint.StartAsync();
    }

    [Theory]
    [InlineData(200, null)]
    [InlineData(204, null)]
    [InlineData(201, "it answers 201")]
    [InlineData(302, "it answers 302")]
    [InlineData(400, "it answers 400")]
    [InlineData(501, "it answers 501")]
    public async Task Only_200_and_204_mean_that_the_application_knows(int status, string? failure)
    {
        endpoint.Answer = context =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        };

        Assert.Equal(failure, await Sender().RunAsync(Logout(endpoint.Address)));
        Assert.Single(endpoint.Received);
    }

    [Fact]
    public async Task A_try_takes_five_seconds_at_most()
    {
        var clock = new WatchedTime();
        var released = new TaskCompletionSource();
        endpoint.Answer = _ => released.Task;
        var trying = Sender(clock: clock).RunAsync(Logout(endpoint.Address));
        await endpoint.UntilReceivedAsync(1);

        clock.Advance(TimeSpan.FromSeconds(4.9));
        Assert.False(trying.IsCompleted);
        clock.Advance(TimeSpan.FromSeconds(0.1));

        Assert.Equal("no answer within 5 s", await trying);
        released.SetResult();
    }

    [Theory]
    [InlineData("Content-Length: 10485760")]
    [InlineData("Transfer-Encoding: chunked")]
    public async Task Of_an_answer_of_10_MB_a_few_KB_are_read(string header)
    {
        using var listener = new TcpListener(Loopback.Address, 0);
        listener.Server.SendBufferSize = 64 * 1024; // the kernel takes no more unasked
        listener.Start();
        var sending = SendAsync();
        var address = new Uri(Loopback.Origin(((IPEndPoint)listener.LocalEndpoint).Port) + "/logout");

        Assert.Null(await Sender().RunAsync(Logout(address)));

        Assert.InRange(await sending, 0, MegaByte);
        endpoint.Answer = context => context.Response.WriteAsync("done"); // a short one is fine
        Assert.Null(await Sender().RunAsync(Logout(endpoint.Address)));

        async Task<int> SendAsync()
        {
            using var socket = await listener.AcceptSocketAsync(TestContext.Current.CancellationToken);
            await socket.ReceiveAsync(new byte[8 * 1024], TestContext.Current.CancellationToken);
            var part = Encoding.ASCII.GetBytes("1000\r\n" + new string('x', 0x1000) + "\r\n");
            var sent = 0;
            try
            {
                await socket.SendAsync(Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\n{header}\r\n\r\n"));
                while (sent < 10 * MegaByte)
                {
                    sent += await socket.SendAsync(part, TestContext.Current.CancellationToken);
                }
            }
            catch (SocketException)
            {
            }

            return sent;
        }
    }

    [Fact]
    public async Task Headers_of_10_MB_are_not_read()
    {
        endpoint.Answer = context =>
        {
            context.Response.Headers["X"] = new string('x', 10 * MegaByte);
            return Task.CompletedTask;
        };

        Assert.Contains("headers", await Sender().RunAsync(Logout(endpoint.Address)), StringComparison.OrdinalIgnoreCase);
        endpoint.Answer = context =>
        {
            context.Response.Headers["X"] = new string('x', 3 * 1024);
            return Task.CompletedTask;
        };
        Assert.Null(await Sender().RunAsync(Logout(endpoint.Address)));
    }

    [Fact]
    public async Task A_connection_goes_to_the_address_that_was_checked_and_the_name_is_resolved_once()
    {
        var asked = 0;
        Task<IPAddress[]> ResolveAsync(string name, CancellationToken cancellationToken)
        {
            Assert.Equal("app.example", name);
            // The first answer is good. A second look would lead to the metadata of the cloud.
            return Task.FromResult<IPAddress[]>([asked++ == 0 ? Loopback.Address : IPAddress.Parse("169.254.169.254")]);
        }

        var sender = Sender(resolve: ResolveAsync);
        var address = new UriBuilder(endpoint.Address) { Host = "app.example" }.Uri;

        Assert.Null(await sender.RunAsync(Logout(address)));

        Assert.Equal(1, asked);
        Assert.Single(endpoint.Received);
        Assert.Equal(
            "Identity:BackchannelLogout:AllowedNetworks does not allow 169.254.169.254",
            await Sender(resolve: ResolveAsync).RunAsync(Logout(address)));
    }

    [Fact]
    public async Task Of_several_addresses_of_a_name_only_the_good_ones_are_called()
    {
        var address = new UriBuilder(endpoint.Address) { Host = "app.example" }.Uri;
        var sender = Sender(resolve: (_, _) => Task.FromResult<IPAddress[]>(
            [IPAddress.Parse("10.0.0.1"), Loopback.Address, IPAddress.Parse("fe80::1")]));

        Assert.Null(await sender.RunAsync(Logout(address)));
        Assert.Single(endpoint.Received);
    }

    [Fact]
    public async Task Without_the_setting_this_machine_is_not_called_outside_Development()
    {
        Assert.Equal(
            $"Identity:BackchannelLogout:AllowedNetworks does not allow {Loopback.Address}",
            await Sender(allowed: []).RunAsync(Logout(endpoint.Address)));
        Assert.Empty(endpoint.Received);

        Assert.Null(await Sender(allowed: [], environment: "Development").RunAsync(Logout(endpoint.Address)));
        Assert.Single(endpoint.Received);
    }

    [Theory]
    [InlineData("the right authority", null)]
    [InlineData("the system's", "errors in the certificate chain")]
    [InlineData("another name", "RemoteCertificateNameMismatch")]
    public async Task The_certificate_is_checked(string kind, string? failure)
    {
        var issued = TestAuthority.Shared.Issue(kind == "another name" ? "app.example" : "localhost");
        using var certificate = X509CertificateLoader.LoadPkcs12(
            X509Certificate2.CreateFromPem(issued.CertificatePem, issued.KeyPem).Export(X509ContentType.Pkcs12), null);
        await using var encrypted = await LogoutEndpoint.StartAsync(certificate);
        var trust = kind == "the system's" ? null : TestAuthority.Shared.Client().CertificateChainPolicy;
        trust?.ExtraStore.ImportFromPem(TestAuthority.Shared.IntermediatePem);

        var result = await Sender(trust: trust).RunAsync(Logout(encrypted.Address));

        if (failure is null)
        {
            Assert.Null(result);
            Assert.Single(encrypted.Received);
        }
        else
        {
            Assert.Contains(failure, result, StringComparison.Ordinal);
            Assert.Empty(encrypted.Received);
        }
    }

    [Theory]
    [InlineData("nowhere")]
    [InlineData("/logout")]
    [InlineData("file:///etc/passwd")]
    public async Task An_address_that_is_none_holds_up_nobody(string address)
    {
        await logouts.Database.ExecuteAsync("UPDATE applications SET backchannel_logout_uri = $1 WHERE client_id = 'told'", address);
        await logouts.AddAsync();
        await logouts.AddDeliveriesAsync(1, endpoint.Address);
        await logouts.Database.ExecuteAsync("UPDATE sessions SET ended_at = now() WHERE kind = 'application'");
        var leased = await LeaseAsync(new LogoutQueue(logouts.Primary));

        Assert.Equal("it has no usable address", await Sender().RunAsync(leased.Single(logout => logout.Address == address)));
        Assert.Null(await Sender().RunAsync(leased.Single(logout => logout.Address != address)));
    }

    [Fact]
    public async Task An_endpoint_that_is_down_is_named()
    {
        await endpoint.DisposeAsync();

        Assert.Contains("refused", await Sender().RunAsync(Logout(endpoint.Address)), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task What_a_worker_sent_before_it_died_is_sent_again_with_the_same_id_when_its_lease_ends()
    {
        await logouts.AddDeliveriesAsync(1, endpoint.Address);
        var queue = new LogoutQueue(logouts.Primary);
        Assert.Null(await Sender().RunAsync(Assert.Single(await LeaseAsync(queue)))); // and dies

        Assert.Empty(await LeaseAsync(queue));
        Assert.Equal(
            1, await logouts.CountAsync("next_attempt_at BETWEEN now() + interval '20 seconds' AND now() + interval '30 seconds'"));
        await logouts.Database.ExecuteAsync("UPDATE logout_deliveries SET next_attempt_at = next_attempt_at - interval '30 seconds'");
        var again = Assert.Single(await LeaseAsync(queue));
        Assert.Null(await Sender().RunAsync(again));
        await queue.SaveAsync([new LogoutOutcome(again, Failure: null)], TestContext.Current.CancellationToken);

        Assert.Equal(2, endpoint.Received.Count);
        Assert.Single(endpoint.Received.Select(logout => logout.Token.Id).Distinct());
        Assert.Equal(0, await logouts.CountAsync());
    }

    [Fact]
    public async Task A_worker_whose_lease_ran_out_leaves_the_delivery_to_the_next_one()
    {
        await logouts.AddDeliveriesAsync(1, endpoint.Address);
        var queue = new LogoutQueue(logouts.Primary);
        var late = Assert.Single(await LeaseAsync(queue));
        await logouts.Database.ExecuteAsync("UPDATE logout_deliveries SET next_attempt_at = now()");
        var next = Assert.Single(await LeaseAsync(queue));

        await queue.SaveAsync([new LogoutOutcome(late, "too late")], TestContext.Current.CancellationToken);

        Assert.Equal(1, await logouts.CountAsync("attempts = 2 AND next_attempt_at > now() + interval '21 seconds'"));
        await queue.SaveAsync([new LogoutOutcome(next, "it answers 500")], TestContext.Current.CancellationToken);
        Assert.Equal(1, await logouts.CountAsync("attempts = 2 AND next_attempt_at < now() + interval '21 seconds'"));
    }

    [Fact]
    public async Task Each_host_gets_eight_tries_at_a_time_whatever_waits_for_others()
    {
        await logouts.AddDeliveriesAsync(100, new Uri("https://a.example/logout"));
        await logouts.AddDeliveriesAsync(3, new Uri("https://b.example/logout"));
        await logouts.AddDeliveriesAsync(20, new Uri("https://b.example:8443/logout"));
        var queue = new LogoutQueue(logouts.Primary);

        Assert.Equal("a.example 8, b.example 3, b.example:8443 8", await HostsAsync([]));
        Assert.Equal(
            "a.example 3, b.example:8443 8",
            await HostsAsync(new() { ["a.example"] = 5, ["c.example"] = 8 }));
        Assert.Equal("b.example:8443 4", await HostsAsync(new() { ["a.example"] = 9 }));
        Assert.Equal("a.example 8", await HostsAsync([]));

        async Task<string> HostsAsync(Dictionary<string, int> busy) => string.Join(
            ", ", (await LeaseAsync(queue, busy)).CountBy(logout => logout.Host).OrderBy(host => host.Key, StringComparer.Ordinal)
                .Select(host => $"{host.Key} {host.Value}"));
    }

    [Fact]
    public async Task Workers_that_lease_at_once_never_take_the_same_delivery()
    {
        await logouts.AddDeliveriesAsync(50, endpoint.Address);
        await logouts.AddDeliveriesAsync(50, new Uri("https://b.example/logout"));
        var queue = new LogoutQueue(logouts.Primary);

        var leases = await Together.RunAsync(10, _ => LeaseAsync(queue));

        var taken = leases.SelectMany(lease => lease).Select(logout => logout.Id).ToList();
        Assert.InRange(taken.Count, 16, 100);
        Assert.Equal(taken.Count, taken.Distinct().Count());
    }

    [Fact]
    public async Task An_empty_table_is_told_from_one_where_all_is_under_way()
    {
        var queue = new LogoutQueue(logouts.Primary);
        Assert.False((await queue.LeaseAsync(new Dictionary<string, int>(), TestContext.Current.CancellationToken)).IsAnyLeft);
        await logouts.AddDeliveriesAsync(1, endpoint.Address);
        Assert.Single(await LeaseAsync(queue));

        Assert.True((await queue.LeaseAsync(new Dictionary<string, int>(), TestContext.Current.CancellationToken)).IsAnyLeft);
    }

    [Fact]
    public void Metrics_count_tries_by_result()
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var meters = services.GetRequiredService<IMeterFactory>();
        var counted = new StringBuilder();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Scope == meters)
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
            counted.Append($"{instrument.Name} {value} {tags[0].Value}, "));
        listener.Start();
        var metrics = new LogoutMetrics(meters);
        counted.Clear(); // the zeros

        metrics.Count(new LogoutOutcome(Logout(endpoint.Address), Failure: null));
        metrics.Count(new LogoutOutcome(Logout(endpoint.Address), "it answers 500"));
        metrics.Count(new LogoutOutcome(Logout(endpoint.Address) with { Attempt = 3 }, "it answers 500"));

        Assert.Equal(
            "authmesh.logouts.tries 1 delivered, authmesh.logouts.tries 1 postponed, authmesh.logouts.tries 1 given_up, ",
            counted.ToString());
    }

    public async ValueTask DisposeAsync()
    {
        senders.ForEach(sender => sender.Dispose());
        await endpoint.DisposeAsync();
    }

    private static LeasedLogout Logout(Uri address) => new(
        Guid.NewGuid(), "told", address.AbsoluteUri, address.Authority, Guid.NewGuid(), Guid.NewGuid(), Attempt: 1);

    private static async Task<IReadOnlyList<LeasedLogout>> LeaseAsync(LogoutQueue queue, Dictionary<string, int>? busy = null) =>
        (await queue.LeaseAsync(busy ?? [], TestContext.Current.CancellationToken)).Logouts;

    private SendLogoutToken Sender(
        string[]? allowed = null, Func<string, CancellationToken, Task<IPAddress[]>>? resolve = null, X509ChainPolicy? trust = null,
        TimeProvider? clock = null, string environment = "Production")
    {
        var options = new BackchannelLogoutOptions();
        foreach (var network in allowed ?? [Loopback.Address.ToString()])
        {
            options.AllowedNetworks.Add(network);
        }

        var networks = new LogoutNetworks(options, environment == "Development");
        var sender = new SendLogoutToken(
            logouts.Tokens(), new LogoutConnections(networks, resolve ?? Dns.GetHostAddressesAsync, trust), clock ?? TimeProvider.System);
        senders.Add(sender);
        return sender;
    }
}
