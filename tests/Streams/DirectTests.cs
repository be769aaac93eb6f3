using System.Globalization;
using AuthMesh.LocalMesh;
using AuthMesh.LocalMesh.Processes;
using AuthMesh.Settings;
using AuthMesh.Streams;
using AuthMesh.Tests.Gateway;
using AuthMesh.Tests.Harness;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Streams;

/// <summary>
/// A service ends its streams by itself. Behind the gateway it leaves their expiry to the gateway, and nobody else can claim to be the
/// gateway.
/// </summary>
public sealed class DirectTests : IClassFixture<DirectTests.Mesh>
{
    private readonly Caller direct;
    private readonly LoneGateway gateway;
    private readonly MeshService service;

    public DirectTests(Mesh mesh)
    {
        (direct, gateway, service) = (mesh.Direct, mesh.Gateway, mesh.Service);
        Identity.AnswerAsUsual();
    }

    private FakeIdentity Identity => gateway.Identity;

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("true")]
    [InlineData("NOW.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public async Task A_direct_stream_ends_when_its_token_expires_whatever_its_client_claims(string? claim)
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(2);
        var token = Identity.Sign(Identity.SignIn().Claims);
        var mark = claim?.Replace(
            "NOW", TimeProvider.System.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);
        using var socket = await direct.OpenAsync(token, change: options =>
        {
            if (mark is not null)
            {
                options.SetRequestHeader(GatewayMark.Header, mark);
            }
        });
        using var events = await EventReader.OpenAsync(direct, token);

        Assert.Equal((4401, "token_expired"), await socket.UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
    }

    [Fact]
    public async Task A_stream_through_the_gateway_outlives_the_token_that_the_service_saw()
    {
        Identity.TokenLifetime = TimeSpan.FromSeconds(2);
        var (cookie, claims) = Identity.SignIn();
        using var socket = await gateway.Caller.OpenAsync(
            token: null, change: options => options.SetRequestHeader("Cookie", $"{LoneGateway.CookieName}={cookie}"));

        await Patience.UntilAsync(() => Identity.ExchangesOf(cookie) >= 3); // the first token has expired
        Assert.Equal("still here", await socket.EchoAsync("still here"));

        Identity.Tell("key-distrusted", new { kid = "another" });
        Identity.Tell("session-ended", new { sid = claims["sid"]!.GetValue<string>() });
        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
    }

    [Fact]
    public async Task A_distrusted_key_ends_direct_streams()
    {
        var token = Identity.Sign(Identity.SignIn().Claims);
        using var socket = await direct.OpenAsync(token);
        using var events = await EventReader.OpenAsync(direct, token);

        Identity.Tell("key-distrusted", new { kid = Identity.Key.KeyId });
        Identity.Publish(); // for the other tests

        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
        Assert.True(await events.UntilCutAsync());
    }

    [Fact]
    public async Task A_stream_that_anybody_may_open_ends_with_the_session_of_a_caller_who_has_one()
    {
        var (_, claims) = Identity.SignIn();
        using var anybodys = await EventReader.OpenAsync(direct, token: null, "/open");
        using var own = await EventReader.OpenAsync(direct, Identity.Sign(claims), "/open");
        var others = anybodys.UntilCutAsync();

        Identity.Tell("session-ended", new { sid = claims["sid"]!.GetValue<string>() });

        Assert.True(await own.UntilCutAsync());
        Assert.False(others.IsCompleted);
    }

    [Fact]
    public async Task A_request_is_told_of_the_end_of_its_session_until_it_is_over()
    {
        var (_, claims) = Identity.SignIn();
        var (token, over, open) = (Identity.Sign(claims), Guid.NewGuid().ToString(), Guid.NewGuid().ToString());
        using var stays = await EventReader.OpenAsync(direct, token, $"/watch/{open}?stay");
        Assert.Equal(200, (await direct.GetAsync($"/watch/{over}", token)).Status);
        await Patience.UntilAsync(() => MeshService.Over.Contains(over));

        Identity.Tell("session-ended", new { sid = claims["sid"]!.GetValue<string>() });

        Assert.True(await stays.UntilCutAsync());
        await Patience.UntilAsync(() => MeshService.Told.Contains(open));
        Assert.DoesNotContain(over, MeshService.Told);
    }

    [Fact]
    public async Task A_handler_that_gives_up_a_receive_leaves_no_stream_behind()
    {
        var (_, claims) = Identity.SignIn();
        using var socket = await direct.OpenAsync(Identity.Sign(claims), "/careless");

        Identity.Tell("session-ended", new { sid = claims["sid"]!.GetValue<string>() });

        Assert.Equal((4401, "session_ended"), await socket.UntilClosedAsync());
        await Patience.UntilAsync(() => service.OpenStreams == 0);
    }

    [Fact]
    public void A_mark_counts_for_its_token_its_key_and_a_moment()
    {
        var clock = new FakeTimeProvider();
        var ours = Mark("a-service-key-for-tests-long-enough");
        var mark = ours.Make("Bearer a");
        Assert.True(ours.IsValid(mark, "Bearer a"));

        Assert.False(ours.IsValid(mark, "Bearer b"));
        Assert.False(ours.IsValid(mark, null));
        Assert.False(ours.IsValid(null, "Bearer a"));
        Assert.False(ours.IsValid(mark[..^1], "Bearer a"));
        Assert.False(ours.IsValid("1" + mark, "Bearer a"));
        Assert.False(ours.IsValid(Mark("another-service-key-for-tests-long-enough").Make("Bearer a"), "Bearer a"));
        clock.Advance(TimeSpan.FromSeconds(90));
        Assert.True(ours.IsValid(mark, "Bearer a"));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.False(ours.IsValid(mark, "Bearer a"));

        GatewayMark Mark(string serviceKey) => new(Options.Create(new AuthMeshOptions { ServiceKey = serviceKey }), clock);
    }

    public sealed class Mesh : IAsyncLifetime
    {
        private readonly int port = Ports.Free();

        public Mesh()
        {
            var address = Loopback.Origin(port);
            Direct = new Caller(new Uri(address));
            Gateway = new LoneGateway(new()
            {
                ["AuthMesh:ClockSkew"] = "00:00:00",
                ["ReverseProxy:Routes:live:ClusterId"] = "streams",
                ["ReverseProxy:Clusters:streams:Destinations:one:Address"] = address,
            });
        }

        /// <summary>The service, past the gateway.</summary>
        public Caller Direct { get; }

        public LoneGateway Gateway { get; }

        internal MeshService Service { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            await Gateway.InitializeAsync();
            Service = await MeshService.StartAsync(port, Gateway.Identity, MeshService.MapStreams);
        }

        public async ValueTask DisposeAsync()
        {
            Direct.Dispose();
            await Service.DisposeAsync();
            await Gateway.DisposeAsync();
        }
    }
}
