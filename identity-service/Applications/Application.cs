using AuthMesh.Access;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Applications;

/// <summary>A program that gets tokens in its own name. Single statements create and change it.</summary>
internal sealed class Application
{
    private Application()
    {
    }

    /// <summary>The <c>sub</c> of its tokens; never reused.</summary>
    public Guid Id { get; private set; }

    /// <summary>By which it authenticates, and which services see. It never changes.</summary>
    public string ClientId { get; private set; } = null!;

    /// <summary>How people call it.</summary>
    public string Name { get; private set; } = null!;

    /// <summary>What it may do; never <see cref="Scopes.Mesh"/>, because it acts for no user.</summary>
    public string[] Scopes { get; private set; } = null!;

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset? DisabledAt { get; private set; }
}

/// <summary>A secret of an application. It has two at most, so that a new one can replace the other without a gap.</summary>
internal sealed class ApplicationSecret
{
    private ApplicationSecret()
    {
    }

    public Guid Id { get; private set; }

    public Guid ApplicationId { get; private set; }

    /// <summary>SHA-256 of the text. 256 random bits cannot be guessed, so they need neither salt nor cost.</summary>
    public byte[] Hash { get; private set; } = null!;

    public DateTimeOffset CreatedAt { get; private set; }
}

internal sealed class ApplicationMapping : IEntityTypeConfiguration<Application>, IEntityTypeConfiguration<ApplicationSecret>
{
    public const int LongestClientId = 64;

    public void Configure(EntityTypeBuilder<Application> application)
    {
        application.ToTable("applications");
        application.HasKey(a => a.Id);
        application.Property(a => a.Id).ValueGeneratedNever();
        application.Property(a => a.ClientId).HasMaxLength(LongestClientId).UseCollation("C");
        application.HasIndex(a => a.ClientId).IsUnique().HasDatabaseName("ux_applications_client_id");
        application.Property(a => a.Name).HasMaxLength(NameAndScopes.LongestName);
    }

    public void Configure(EntityTypeBuilder<ApplicationSecret> secret)
    {
        secret.ToTable("application_secrets");
        secret.HasKey(s => s.Id);
        secret.Property(s => s.Id).ValueGeneratedNever();
        secret.HasIndex(s => s.ApplicationId).HasDatabaseName("ix_application_secrets_application_id");
        secret.HasOne<Application>().WithMany().HasForeignKey(s => s.ApplicationId).OnDelete(DeleteBehavior.Cascade);
    }
}
