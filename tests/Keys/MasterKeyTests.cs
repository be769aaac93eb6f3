using System.Security.Cryptography;
using AuthMesh.Identity.Keys;

namespace AuthMesh.Tests.Keys;

public sealed class MasterKeyTests
{
    private static readonly byte[] Secret = RandomNumberGenerator.GetBytes(48);
    private readonly MasterKey key = new(RandomNumberGenerator.GetBytes(32));

    [Fact]
    public void A_sealed_secret_opens_only_with_the_same_key_and_place()
    {
        var sealedSecret = key.Seal(Secret, "place");

        Assert.Equal(Secret, key.TryOpen(sealedSecret, "place"));
        Assert.Null(key.TryOpen(sealedSecret, "another place"));
        Assert.Null(new MasterKey(RandomNumberGenerator.GetBytes(32)).TryOpen(sealedSecret, "place"));
    }

    [Fact]
    public void A_sealed_secret_with_a_changed_byte_or_length_does_not_open()
    {
        var sealedSecret = key.Seal(Secret, "place");

        for (var i = 0; i < sealedSecret.Length; i++)
        {
            var changed = sealedSecret.ToArray();
            changed[i] ^= 1;
            Assert.Null(key.TryOpen(changed, "place"));
        }

        Assert.Null(key.TryOpen(sealedSecret[..^1], "place"));
        Assert.Null(key.TryOpen([.. sealedSecret, 0], "place"));
        Assert.Null(key.TryOpen(sealedSecret[..20], "place"));
        Assert.Null(key.TryOpen([], "place"));
    }

    [Fact]
    public void The_same_secret_sealed_twice_looks_different() => Assert.NotEqual(key.Seal(Secret, "place"), key.Seal(Secret, "place"));

    [Fact]
    public void A_row_of_the_ring_does_not_open_under_another_id()
    {
        var row = RingKey.CreatePepper(key, TimeProvider.System.GetUtcNow());
        Assert.NotNull(row.TryOpen(key));

        typeof(RingKey).GetProperty(nameof(RingKey.Id))!.SetValue(row, "another");
        Assert.Null(row.TryOpen(key));
    }
}
