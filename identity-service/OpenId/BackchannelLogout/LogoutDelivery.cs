using AuthMesh.Identity.Applications;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.OpenId.BackchannelLogout;

/// <summary>
/// An application that is yet to be told of the end of a session (OpenID Connect Back-Channel Logout 1.0). The triggers of
/// <c>logout_deliveries.sql</c> write it. It outlives the session and the application.
/// </summary>
internal sealed class LogoutDelivery
{
    private LogoutDelivery()
    {
    }

    /// <summary>The <c>jti</c> of its tokens. An application that gets one twice can tell.</summary>
    public Guid Id { get; private set; }

    public string ClientId { get; private set; } = null!;

    public string Uri { get; private set; } = null!;

    /// <summary>The host and the port of the address. Each has its own bound of tries at a time: see <see cref="LogoutQueue"/>.</summary>
    public string Host { get; private set; } = null!;

    public Guid SessionId { get; private set; }

    public Guid UserId { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    /// <summary>When it is due. A worker that tries has moved this to the end of its lease.</summary>
    public DateTimeOffset NextAttemptAt { get; private set; }

    /// <summary>How many tries have begun.</summary>
    public int Attempts { get; private set; }
}

internal sealed class LogoutDeliveryMapping : IEntityTypeConfiguration<LogoutDelivery>
{
    public void Configure(EntityTypeBuilder<LogoutDelivery> delivery)
    {
        delivery.ToTable("logout_deliveries");
        delivery.HasKey(d => d.Id);
        delivery.Property(d => d.Id).ValueGeneratedNever();
        delivery.Property(d => d.ClientId).HasMaxLength(ApplicationMapping.LongestClientId).UseCollation("C");
        delivery.Property(d => d.Uri).HasMaxLength(RedirectUri.Longest);
        delivery.Property(d => d.Attempts).HasDefaultValue(0);
        delivery.Property(d => d.Host).HasComputedColumnSql("split_part(uri, '/', 3)", stored: true).UseCollation("C");
        delivery.HasIndex(d => new { d.Host, d.NextAttemptAt });
    }
}
