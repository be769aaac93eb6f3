using AuthMesh.Identity.Applications;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.OpenId;

/// <summary>An assertion by which an application authenticated (RFC 7523 §3). Its <c>jti</c> counts once.</summary>
internal sealed class UsedAssertion
{
    private UsedAssertion()
    {
    }

    public Guid ApplicationId { get; private set; }

    /// <summary>SHA-256 of the <c>jti</c>.</summary>
    public byte[] IdHash { get; private set; } = [];

    public DateTimeOffset ExpiresAt { get; private set; }
}

internal sealed class UsedAssertionMapping : IEntityTypeConfiguration<UsedAssertion>
{
    public void Configure(EntityTypeBuilder<UsedAssertion> assertion)
    {
        assertion.ToTable("used_assertions");
        assertion.HasKey(a => new { a.ApplicationId, a.IdHash });
        assertion.HasIndex(a => a.ExpiresAt);
        assertion.HasOne<Application>().WithMany().HasForeignKey(a => a.ApplicationId).OnDelete(DeleteBehavior.Cascade);
    }
}
