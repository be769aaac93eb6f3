using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Throttling;

/// <summary>How many attempts one key has seen in its window. Written by the single statements of <see cref="Throttle"/> alone.</summary>
internal sealed class AttemptCount
{
    private AttemptCount()
    {
    }

    /// <summary>A keyed hash of what is counted: the table tells neither names nor addresses.</summary>
    public byte[] Key { get; private set; } = [];

    public int Count { get; private set; }

    /// <summary>
    /// When the window ends, by PostgreSQL's clock, and at the same time which window it is: no key has two that end together.
    /// </summary>
    public DateTimeOffset ResetsAt { get; private set; }
}

internal sealed class AttemptCountMapping : IEntityTypeConfiguration<AttemptCount>
{
    public void Configure(EntityTypeBuilder<AttemptCount> count)
    {
        // No index but the key's, so that counting rewrites no index.
        count.ToTable("attempt_counts");
        count.HasKey(c => c.Key);
    }
}
