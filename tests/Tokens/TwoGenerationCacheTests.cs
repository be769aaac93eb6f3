using AuthMesh.Tokens;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Tokens;

/// <summary>What remembers tokens and cookies. What it does for a verifier, and for the gateway, is told by their own tests.</summary>
public sealed class TwoGenerationCacheTests
{
    private readonly TwoGenerationCache<int, string> held = new(size: 4, new FakeTimeProvider());

    [Fact]
    public void What_is_removed_is_gone_from_both_generations()
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
    public void What_is_removed_does_not_come_back_because_somebody_looked_for_it_meanwhile()
    {
        for (var round = 0; round < 50_000; round++)
        {
            held.Add(1, "one");
            held.Add(2, "two");
            held.Add(3, "three"); // with this, the first two lie in the older generation

            Parallel.Invoke(() => held.Find(1), () => held.Remove(1));

            Assert.Null(held.Find(1));
            held.Remove(2);
            held.Remove(3);
        }
    }
}
