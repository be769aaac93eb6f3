using AuthMesh.Identity.Applications;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.OpenId;

/// <summary>
/// An authorization request that waits: for the browser, if the application pushed it (RFC 9126) or posted it, or for the user, who signs
/// in or is asked for consent. <see cref="StoredRequests"/> creates and finds it.
/// </summary>
internal sealed class StoredRequest
{
    private StoredRequest()
    {
    }

    /// <summary>SHA-256 of its id: 256 random bits.</summary>
    public byte[] IdHash { get; private set; } = [];

    public Guid ApplicationId { get; private set; }

    /// <summary>The parameters, as in a query string.</summary>
    public string Parameters { get; private set; } = null!;

    /// <summary>Whether the application itself sent it, and authenticated if it can.</summary>
    public bool IsPushed { get; private set; }

    /// <summary>When the browser came with it. A pushed request is taken once.</summary>
    public DateTimeOffset? TakenAt { get; private set; }

    public DateTimeOffset ExpiresAt { get; private set; }
}

internal sealed class StoredRequestMapping : IEntityTypeConfiguration<StoredRequest>
{
    public void Configure(EntityTypeBuilder<StoredRequest> request)
    {
        request.ToTable("authorization_requests");
        request.HasKey(r => r.IdHash);
        request.HasIndex(r => r.ApplicationId);
        request.HasIndex(r => r.ExpiresAt);
        request.HasOne<Application>().WithMany().HasForeignKey(r => r.ApplicationId).OnDelete(DeleteBehavior.Cascade);
    }
}
