using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>A code on paper that replaces a second factor once.</summary>
internal sealed class RecoveryCode
{
    private RecoveryCode()
    {
    }

    public Guid UserId { get; private set; }

    /// <summary>HMAC-SHA-256 of user and code under a key of the ring: a copy of the table does not help to guess 50 bits.</summary>
    public byte[] CodeHash { get; private set; } = [];

    /// <summary>The key of the ring.</summary>
    public string KeyId { get; private set; } = null!;
}

internal sealed class RecoveryCodeMapping : IEntityTypeConfiguration<RecoveryCode>
{
    public void Configure(EntityTypeBuilder<RecoveryCode> code)
    {
        code.ToTable("recovery_codes");
        code.HasKey(c => new { c.UserId, c.CodeHash });
        code.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
