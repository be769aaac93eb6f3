using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Throttling;

/// <summary>The number of attempts of one key in its window. Only single statements of <see cref="Throttle"/> write it.</summary>
internal sealed class AttemptCount
{
    private AttemptCount()
    {
    }

    /// <summary>A keyed hash of the counted name or address, so the table reveals neither.</summary>
    public byte[] Key { get; private set; } = [];

    public int Count { get; private set; }

    /// <summary>
    /// The end of the window, by PostgreSQL's clock. It also identifies the window, because no two windows of a key end together.
    /// </summary>
    public DateTimeOffset ResetsAt { get; private set; }
}

internal sealed class AttemptCountMapping : IEntityTypeConfiguration<AttemptCount>
{
    public void Configure(EntityTypeBuilder<AttemptCount> count)
    {
        // No index besides the primary key, so that counting updates no index.
        count.ToTable("attempt_counts");
        count.HasKey(c => c.Key);
    }
}
