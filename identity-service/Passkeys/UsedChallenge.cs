using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Passkeys;

/// <summary>A challenge that a good signature answered. Its row makes it single use, on every replica.</summary>
internal sealed class UsedChallenge
{
    private UsedChallenge()
    {
    }

    public byte[] Nonce { get; private set; } = [];

    /// <summary>When the challenge expires by itself, so that the row is no longer needed.</summary>
    public DateTimeOffset ExpiresAt { get; private set; }
}

internal sealed class UsedChallengeMapping : IEntityTypeConfiguration<UsedChallenge>
{
    public void Configure(EntityTypeBuilder<UsedChallenge> challenge)
    {
        challenge.ToTable("used_challenges");
        challenge.HasKey(c => c.Nonce);
    }
}
