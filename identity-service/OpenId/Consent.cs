using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.OpenId;

/// <summary>What a user let an application do. The user is asked again only for more.</summary>
internal sealed class Consent
{
    private Consent()
    {
    }

    public Guid UserId { get; private set; }

    public Guid ApplicationId { get; private set; }

    public string[] Scopes { get; private set; } = null!;

    public DateTimeOffset GrantedAt { get; private set; }
}

internal sealed class ConsentMapping : IEntityTypeConfiguration<Consent>
{
    public void Configure(EntityTypeBuilder<Consent> consent)
    {
        consent.ToTable("consents");
        consent.HasKey(c => new { c.UserId, c.ApplicationId });
        consent.HasIndex(c => c.ApplicationId);
        consent.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        consent.HasOne<Application>().WithMany().HasForeignKey(c => c.ApplicationId).OnDelete(DeleteBehavior.Cascade);
    }
}
