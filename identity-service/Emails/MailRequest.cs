using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Emails;

/// <summary>
/// Somebody forgot a password. The request stores only what was typed, and a worker finds out later whether that account exists, so the
/// answer and its time reveal nothing.
/// </summary>
internal sealed class MailRequest
{
    private MailRequest()
    {
    }

    /// <summary>In the order of arrival (UUID version 7).</summary>
    public Guid Id { get; private set; }

    /// <summary>The name or address as typed.</summary>
    public string Account { get; private set; } = null!;

    /// <summary>The network of the caller.</summary>
    public string Network { get; private set; } = null!;

    /// <summary>The language that the caller prefers, such as <c>en</c>.</summary>
    public string Language { get; private set; } = null!;

    public DateTimeOffset CreatedAt { get; private set; }
}

internal sealed class MailRequestMapping : IEntityTypeConfiguration<MailRequest>
{
    public void Configure(EntityTypeBuilder<MailRequest> request)
    {
        request.ToTable("mail_requests");
        request.HasKey(r => r.Id);
        request.Property(r => r.Id).ValueGeneratedNever();
        request.Property(r => r.Account).HasMaxLength(EmailAddress.MaximumLength);
    }
}
