using AuthMesh.Access;
using AuthMesh.Identity.Sessions;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Applications;

/// <summary>
/// A program that gets tokens, for users who let it act for them or in its own name. Single statements create and change it.
/// </summary>
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

    /// <summary>One of <see cref="ApplicationKind"/>; it never changes.</summary>
    public string Kind { get; private set; } = null!;

    /// <summary>Whether it is the team's own. Only such an application may have <see cref="Access.Scopes.Mesh"/>.</summary>
    public bool IsFirstParty { get; private set; }

    /// <summary>The ways in which it may get tokens: values of <see cref="GrantType"/>.</summary>
    public string[] Grants { get; private set; } = null!;

    /// <summary>What it may do.</summary>
    public string[] Scopes { get; private set; } = null!;

    /// <summary>Where a sign-in may lead back to: see <see cref="RedirectUri"/>.</summary>
    public string[] RedirectUris { get; private set; } = null!;

    /// <summary>Where a sign-out may lead back to.</summary>
    public string[] PostLogoutRedirectUris { get; private set; } = null!;

    /// <summary>Where it is told of the end of a session (OpenID Connect Back-Channel Logout 1.0 §2.2); null if nowhere.</summary>
    public string? BackchannelLogoutUri { get; private set; }

    /// <summary>The audiences, beside the mesh itself, for which it may ask (RFC 8707).</summary>
    public string[] Audiences { get; private set; } = null!;

    /// <summary>Whether users are asked before it acts for them.</summary>
    public bool RequireConsent { get; private set; }

    /// <summary>Whether it must push its authorization requests (RFC 9126).</summary>
    public bool RequirePushedRequests { get; private set; }

    /// <summary>The public keys by which it authenticates (RFC 7523 §2.2), as a JSON Web Key Set; null if it has none.</summary>
    public string? Jwks { get; private set; }

    /// <summary>See <c>revoke_application</c> in <c>revocations.sql</c>. A session of an older epoch gets no tokens.</summary>
    public int Epoch { get; private set; }

    /// <summary>The version of the file that declares the application; null if admins manage it.</summary>
    public int? DeclaredVersion { get; private set; }

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
        // Replicas of the previous version insert applications without the rest. They know services only.
        application.Property(a => a.Kind).HasMaxLength(8).HasDefaultValue(ApplicationKind.Service);
        application.Property(a => a.IsFirstParty).HasDefaultValue(false);
        application.Property(a => a.Grants).HasDefaultValueSql($"ARRAY['{GrantType.ClientCredentials}']");
        application.Property(a => a.RedirectUris).HasDefaultValueSql("'{}'");
        application.Property(a => a.PostLogoutRedirectUris).HasDefaultValueSql("'{}'");
        application.Property(a => a.BackchannelLogoutUri).HasMaxLength(RedirectUri.Longest);
        application.Property(a => a.Audiences).HasDefaultValueSql("'{}'");
        application.Property(a => a.RequireConsent).HasDefaultValue(true);
        application.Property(a => a.RequirePushedRequests).HasDefaultValue(false);
        application.Property(a => a.Jwks).HasColumnType("jsonb");
        application.Property(a => a.Epoch).HasDefaultValueSql("nextval('application_epochs')");
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
