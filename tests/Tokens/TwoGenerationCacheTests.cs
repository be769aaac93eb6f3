using AuthMesh.Tokens;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Tokens;

/// <summary>The cache of tokens and cookies. The tests of the verifier and of the gateway cover its use there.</summary>
public sealed class TwoGenerationCacheTests
{
    private readonly TwoGenerationCache<int, string> held = new(size: 4, new FakeTimeProvider());

    [Fact]
    public void A_removed_entry_is_gone_from_both_generations()
    {
        foreach (var key in (int[])[1, 2, 3]) // the third begins a new generation
        {
            held.Add(key, "one");
        }

        held.Remove(1);
        held.Remove(3);

        Assert.Equal((null, "one", null), (held.Find(1), held.Find(2), held.Find(3)));
    }

    [Fact]
    public void A_concurrent_find_does_not_bring_back_a_removed_entry()
    {
        for (var round = 0; round < 50_000; round++)
        {
            held.Add(1, "one");
            held.Add(2, "two");
            held.Add(3, "three"); // this moves the first two to the older generation

            Parallel.Invoke(() => held.Find(1), () => held.Remove(1));

            Assert.Null(held.Find(1));
            held.Remove(2);
            held.Remove(3);
        }
    }
}
