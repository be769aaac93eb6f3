using System.Buffers.Text;
using System.Security.Cryptography;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;
using AuthMesh.Tests.Harness;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthMesh.Tests.Sessions;

/// <summary>The token's text has one spelling, cannot be changed, and is the same wherever it is derived.</summary>
public sealed class RefreshTokenTests(ProductionMesh mesh) : IAsyncLifetime
{
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    private readonly MasterKey masterKey = new(RandomNumberGenerator.GetBytes(32));
    private IdentityDb db = null!;
    private KeyRing ring = null!;
    private RefreshToken token = null!;

    public async ValueTask InitializeAsync()
    {
        db = new Database(await mesh.Postgres.CreateDatabaseAsync()).Open();
        await db.Database.MigrateAsync(TestContext.Current.CancellationToken);
        ring = await OpenRingAsync();
        token = new RefreshToken(ring.CurrentMacKey.Id, Guid.NewGuid(), 3, 70_000);
    }

    [Fact]
    public void A_written_token_parses_to_the_same_token()
    {
        var text = token.ToText(ring);

        Assert.Matches("^authmesh_rt_[A-Za-z0-9_-]{82}$", text);
        Assert.Equal(token, RefreshToken.TryParse(text, ring));
        Assert.Equal(text, token.ToText(ring));
    }

    [Fact]
    public void A_token_with_any_one_character_changed_is_refused()
    {
        var text = token.ToText(ring);
        for (var i = 0; i < text.Length; i++)
        {
            foreach (var other in i % 7 == 0 ? Alphabet + "=+/ .\0é" : Alphabet[(i % 60)..(i % 60 + 4)])
            {
                if (other != text[i])
                {
                    Assert.Null(RefreshToken.TryParse(text[..i] + other + text[(i + 1)..], ring));
                }
            }
        }
    }

    [Fact]
    public void Any_other_spelling_of_the_same_bytes_is_refused()
    {
        var text = token.ToText(ring);
        var last = Alphabet.IndexOf(text[^1], StringComparison.Ordinal); // two bits of the last byte and four unused bits
        var spellings = Enumerable.Range(1, 15).Select(bits => text[..^1] + Alphabet[last ^ bits])
            .Concat(
                [text + "=", text + "==", text + "A", text + " ", " " + text, text + "\n", text.Insert(40, "\n"), text[..^1], text[12..],
                    text.ToUpperInvariant(), "Authmesh_rt_" + text[12..]]);

        Assert.All(spellings, spelling => Assert.Null(RefreshToken.TryParse(spelling, ring)));
        Assert.NotNull(RefreshToken.TryParse(text, ring));
    }

    [Fact]
    public async Task A_token_of_another_mesh_is_refused()
    {
        await using var otherDb = new Database(await mesh.Postgres.CreateDatabaseAsync()).Open();
        await otherDb.Database.MigrateAsync(TestContext.Current.CancellationToken);
        var other = Ring();
        await other.OpenAsync(otherDb, TestContext.Current.CancellationToken);
        var foreign = token with { KeyId = other.CurrentMacKey.Id };

        Assert.Null(RefreshToken.TryParse(foreign.ToText(other), ring));
        Assert.Equal(foreign, RefreshToken.TryParse(foreign.ToText(other), other));
    }

    [Fact]
    public void The_MAC_covers_every_part()
    {
        string[] texts =
        [
            token.ToText(ring), (token with { Counter = 70_001 }).ToText(ring), (token with { Epoch = 4 }).ToText(ring),
            (token with { SessionId = Guid.NewGuid() }).ToText(ring),
        ];

        Assert.Equal(texts.Length, texts.Select(text => text[^42..]).Distinct().Count());
    }

    [Fact]
    public async Task A_change_of_the_key_does_not_change_the_successor()
    {
        var presented = token.ToText(ring);
        var before = RefreshToken.TryParse(presented, ring)!.At(70_001).ToText(ring);
        await db.Database.ExecuteSqlAsync(
            $"UPDATE ring_keys SET state = 'Retired' WHERE purpose = 'RefreshToken'", TestContext.Current.CancellationToken);
        db.ChangeTracker.Clear();

        var changed = await OpenRingAsync();

        Assert.NotEqual(ring.CurrentMacKey.Id, changed.CurrentMacKey.Id);
        Assert.Equal(before, RefreshToken.TryParse(presented, changed)!.At(70_001).ToText(changed));
        var first = RefreshToken.For(
            new LiveSession(
                token.SessionId, Guid.NewGuid(), "", null, "", 4, 70_001, TimeSpan.FromDays(1), ProvedMethods.Read("""{"pwd": 1}"""),
                TimeProvider.System.GetUtcNow()), changed);
        Assert.Equal(new RefreshToken(changed.CurrentMacKey.Id, token.SessionId, 4, 70_001), first); // a new token uses the new key
    }

    [Fact]
    public void Version_1_refresh_tokens_and_device_cookies_still_parse_and_are_written_the_same()
    {
        var (keyId, key) = ring.CurrentMacKey;
        byte[] head = [1, .. Convert.FromHexString(keyId), .. token.SessionId.ToByteArray(bigEndian: true), 0, 0, 0, 3];
        byte[] nonce = RandomNumberGenerator.GetBytes(16);
        byte[] refresh = [.. head, 0, 1, 0x11, 0x70], device = [.. head, .. nonce];
        var deviceKey = HKDF.Expand(HashAlgorithmName.SHA256, key, 32, "authmesh device cookie 1"u8.ToArray());
        var refreshText = "authmesh_rt_" + Base64Url.EncodeToString([.. refresh, .. HMACSHA256.HashData(key, refresh)]);
        var deviceText = Base64Url.EncodeToString([.. device, .. HMACSHA256.HashData(deviceKey, device)]);

        Assert.Equal(token, RefreshToken.TryParse(refreshText, ring));
        Assert.Equal(refreshText, token.ToText(ring));
        var cookie = DeviceCookie.TryParse(deviceText, ring)!;
        Assert.Equal((token.SessionId, 3, Convert.ToHexString(nonce)), (cookie.UserId, cookie.Epoch, Convert.ToHexString(cookie.Nonce)));
        Assert.Equal(deviceText, cookie.ToText(ring));
    }

    public ValueTask DisposeAsync() => db.DisposeAsync();

    private async Task<KeyRing> OpenRingAsync()
    {
        var opened = Ring();
        await opened.OpenAsync(db, TestContext.Current.CancellationToken);
        return opened;
    }

    private KeyRing Ring() => new(masterKey, TimeProvider.System, NullLogger<KeyRing>.Instance);
}
