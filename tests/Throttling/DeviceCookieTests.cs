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
    public void It_is_bound_to_host_and_scheme_where_that_is_possible_and_is_found_again(string issuer, string start, string secure)
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
    public void It_is_for_one_account_in_one_epoch_and_keeps_the_device()
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
    public async Task Of_another_ring_or_for_another_use_it_is_none()
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
