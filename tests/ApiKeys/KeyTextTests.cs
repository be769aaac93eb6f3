using System.Text;
using AuthMesh.Tokens;

namespace AuthMesh.Tests.ApiKeys;

/// <summary>The form of a key.</summary>
public sealed class KeyTextTests
{
    // Made once, so that a change of the form shows: keys live for a year.
    private const string Known = "am_0000000000000000000000000000000000000000000";

    [Fact]
    public void Each_new_key_has_the_form_and_another_secret()
    {
        var keys = Enumerable.Range(0, 200).Select(_ => KeyText.Create()).ToList();

        Assert.Equal(200, keys.Distinct().Count());
        Assert.All(keys, key => Assert.Matches("^am_[0-9A-Za-z]{49}$", key));
        Assert.All(keys, key => Assert.True(KeyText.IsValid(key)));
    }

    [Fact]
    public void The_checksum_is_the_CRC_of_zip_files_in_base62()
    {
        const string Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        var crc = Crc(Encoding.ASCII.GetBytes(Known[3..]));
        var checksum = "";
        for (var i = 0; i < 6; i++, crc /= 62)
        {
            checksum = Digits[(int)(crc % 62)] + checksum;
        }

        Assert.Equal(0xCBF43926u, Crc("123456789"u8)); // the check value of the algorithm
        Assert.True(KeyText.IsValid(Known + checksum));
    }

    [Fact]
    public void Any_change_of_one_character_is_noticed()
    {
        var key = KeyText.Create();

        for (var at = 0; at < key.Length; at++)
        {
            foreach (var character in "0aZ_ ﹍\0")
            {
                var changed = string.Concat(key.AsSpan(0, at), [character], key.AsSpan(at + 1));
                Assert.Equal(changed == key, KeyText.IsValid(changed));
            }
        }
    }

    [Fact]
    public void No_other_text_is_a_key()
    {
        var key = KeyText.Create();
        string[] others =
        [
            "", "am_", key[..^1], key + "0", key[1..], " " + key, key + "\n", key.ToUpperInvariant(), "AM_" + key[3..], "am-" + key[3..],
            "am_" + new string('0', 49), new string('a', 10_000), key[..^1] + "é", key.Replace("am_", "am＿", StringComparison.Ordinal),
        ];

        Assert.All(others, other => Assert.False(KeyText.IsValid(other)));
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var table = Enumerable.Range(0, 256).Select(i =>
        {
            var value = (uint)i;
            for (var bit = 0; bit < 8; bit++)
            {
                value = (value & 1) == 0 ? value >> 1 : (value >> 1) ^ 0xEDB88320;
            }

            return value;
        }).ToArray();
        var crc = uint.MaxValue;
        foreach (var each in bytes)
        {
            crc = (crc >> 8) ^ table[(byte)(crc ^ each)];
        }

        return ~crc;
    }
}
