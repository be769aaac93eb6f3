using System.Security.Cryptography;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Settings;
using AuthMesh.Tests.Harness;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AuthMesh.Tests.Throttling;

public sealed class DeviceCookieTests(ProductionMesh mesh) : IAsyncLifetime
{
    private readonly Guid user = Guid.NewGuid();
    private KeyRing ring = null!;

    [Theory]
    [InlineData("https://auth.example.test", "__Host-authmesh-device=", "; secure")]
    [InlineData("http://localhost:8080", "authmesh-device-8080=", "")]
    [InlineData("http://localhost", "authmesh-device-80=", "")]
    public void The_cookie_is_bound_to_the_host_on_https_and_to_the_port_on_plain_http(string issuer, string start, string secure)
    {
        var cookies = new DeviceCookies(new HostCookies(Options.Create(new AuthMeshOptions { Issuer = issuer })), ring);
        var context = new DefaultHttpContext();

        cookies.Set(context.Response, user, 3);
        cookies.Clear(context.Response);

        var (set, cleared) = (context.Response.Headers.SetCookie[0]!, context.Response.Headers.SetCookie[1]!);
        Assert.Matches($"^{start}[A-Za-z0-9_-]{{98}}; max-age=34560000; path=/{secure}; samesite=lax; httponly$", set);
        Assert.Equal($"{start}; max-age=0; path=/{secure}; samesite=lax; httponly", cleared);
        context.Request.Headers.Cookie = set.Split(';')[0];
        Assert.True(cookies.Find(context.Request)?.IsFor(user, 3));
        context.Request.Headers.Cookie = new[] { set.Split(';')[0], set.Split(';')[0] };
        Assert.Null(cookies.Find(context.Request));
    }

    [Fact]
    public void A_cookie_is_valid_for_one_account_and_epoch_and_keeps_its_device()
    {
        var first = DeviceCookie.TryParse(DeviceCookie.Create(user, 3).ToText(ring), ring)!;

        Assert.True(first.IsFor(user, 3));
        Assert.False(first.IsFor(user, 4));
        Assert.False(first.IsFor(user, 2));
        Assert.False(first.IsFor(Guid.NewGuid(), 3));
        Assert.Equal(first.Nonce, DeviceCookie.TryParse(DeviceCookie.Create(user, 3, first).ToText(ring), ring)!.Nonce);
        Assert.NotEqual(first.Nonce, DeviceCookie.Create(user, 3).Nonce);
    }

    [Fact]
    public async Task A_cookie_of_another_ring_and_a_refresh_token_are_refused()
    {
        var (text, other) = (DeviceCookie.Create(user, 3).ToText(ring), await OpenRingAsync());

        Assert.NotNull(DeviceCookie.TryParse(text, ring));
        Assert.Null(DeviceCookie.TryParse(text, other));
        Assert.Null(RefreshToken.TryParse("authmesh_rt_" + text, ring));
        var token = new RefreshToken(ring.CurrentMacKey.Id, user, 3, 0).ToText(ring)["authmesh_rt_".Length..];
        Assert.Null(DeviceCookie.TryParse(token, ring));
    }

    public async ValueTask InitializeAsync() => ring = await OpenRingAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<KeyRing> OpenRingAsync()
    {
        await using var db = new Database(await mesh.Postgres.CreateDatabaseAsync()).Open();
        await db.Database.MigrateAsync(TestContext.Current.CancellationToken);
        var opened = new KeyRing(new MasterKey(RandomNumberGenerator.GetBytes(32)), TimeProvider.System, NullLogger<KeyRing>.Instance);
        await opened.OpenAsync(db, TestContext.Current.CancellationToken);
        return opened;
    }
}
