using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// What a user allowed an application, until the application trades the code for tokens (RFC 6749 §4.1.2). <see cref="IssueCode"/> creates
/// it, and <see cref="RedeemCode"/> spends it.
/// </summary>
internal sealed class AuthorizationCode
{
    /// <summary>How long the application has to redeem it.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    private AuthorizationCode()
    {
    }

    /// <summary>SHA-256 of the code: 256 random bits.</summary>
    public byte[] CodeHash { get; private set; } = [];

    public Guid ApplicationId { get; private set; }

    public Guid UserId { get; private set; }

    /// <summary>The sign-in that allowed it.</summary>
    public Guid ParentId { get; private set; }

    public int Epoch { get; private set; }

    public int ClientEpoch { get; private set; }

    /// <summary>The application must repeat it; null if the request named none.</summary>
    public string? RedirectUri { get; private set; }

    /// <summary>SHA-256 of the verifier (RFC 7636 §4.2), in base64url.</summary>
    public string Challenge { get; private set; } = null!;

    public string? Nonce { get; private set; }

    public string[] Scopes { get; private set; } = null!;

    /// <summary>See <see cref="Session.Audience"/>.</summary>
    public string? Audience { get; private set; }

    public DateTimeOffset ExpiresAt { get; private set; }

    public DateTimeOffset? SpentAt { get; private set; }

    /// <summary>The session that redeemed it. A second use ends that session.</summary>
    public Guid? SessionId { get; private set; }
}

internal sealed class AuthorizationCodeMapping : IEntityTypeConfiguration<AuthorizationCode>
{
    public void Configure(EntityTypeBuilder<AuthorizationCode> code)
    {
        code.ToTable("authorization_codes");
        code.HasKey(c => c.CodeHash);
        code.Property(c => c.Audience).HasMaxLength(SessionMapping.LongestAudience);
        code.HasIndex(c => c.ApplicationId);
        code.HasIndex(c => c.UserId);
        code.HasIndex(c => c.ParentId);
        code.HasIndex(c => c.ExpiresAt);
        code.HasOne<Application>().WithMany().HasForeignKey(c => c.ApplicationId).OnDelete(DeleteBehavior.Cascade);
        code.HasOne<User>().WithMany().HasForeignKey(c => c.UserId).OnDelete(DeleteBehavior.Cascade);
        code.HasOne<Session>().WithMany().HasForeignKey(c => c.ParentId).OnDelete(DeleteBehavior.Cascade);
    }
}
