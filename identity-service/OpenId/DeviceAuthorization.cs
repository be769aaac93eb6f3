using AuthMesh.Identity.Applications;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.OpenId;

/// <summary>A device that waits until its user allows it on another device (RFC 8628).</summary>
internal sealed class DeviceAuthorization
{
    /// <summary>How long the user has to allow it.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromMinutes(10);

    /// <summary>How long the device must wait between two questions, until it asks too early (RFC 8628 §3.2).</summary>
    public const int FirstIntervalSeconds = 5;

    private DeviceAuthorization()
    {
    }

    /// <summary>SHA-256 of the device code: 256 random bits.</summary>
    public byte[] DeviceCodeHash { get; private set; } = [];

    /// <summary>What the user types, without the hyphen; never in use twice.</summary>
    public string UserCode { get; private set; } = null!;

    public Guid ApplicationId { get; private set; }

    public int ClientEpoch { get; private set; }

    public string[] Scopes { get; private set; } = null!;

    /// <summary>See <see cref="Session.Audience"/>.</summary>
    public string? Audience { get; private set; }

    /// <summary>The address of the device, by which the user may recognise it.</summary>
    public string Network { get; private set; } = "";

    /// <summary>The device's User-Agent.</summary>
    public string Device { get; private set; } = "";

    public DateTimeOffset ExpiresAt { get; private set; }

    /// <summary>When the device may ask again. It must wait longer after each time that it asked too early.</summary>
    public DateTimeOffset NextPollAt { get; private set; }

    public int IntervalSeconds { get; private set; }

    /// <summary>Whether the user allowed it; null while it waits.</summary>
    public bool? IsAllowed { get; private set; }

    public Guid? UserId { get; private set; }

    /// <summary>The sign-in that decided.</summary>
    public Guid? ParentId { get; private set; }

    public int? Epoch { get; private set; }
}

internal sealed class DeviceAuthorizationMapping : IEntityTypeConfiguration<DeviceAuthorization>
{
    public void Configure(EntityTypeBuilder<DeviceAuthorization> device)
    {
        device.ToTable("device_authorizations");
        device.HasKey(d => d.DeviceCodeHash);
        device.HasIndex(d => d.UserCode).IsUnique().HasDatabaseName("ux_device_authorizations_user_code");
        device.HasIndex(d => d.ApplicationId);
        device.HasIndex(d => d.UserId);
        device.HasIndex(d => d.ParentId);
        device.HasIndex(d => d.ExpiresAt);
        device.Property(d => d.UserCode).HasMaxLength(8).UseCollation("C");
        device.Property(d => d.Audience).HasMaxLength(SessionMapping.LongestAudience);
        device.Property(d => d.Network).HasMaxLength(SessionMapping.MaximumNetworkLength);
        device.Property(d => d.Device).HasMaxLength(StartSession.MaximumDeviceLength);
        device.HasOne<Application>().WithMany().HasForeignKey(d => d.ApplicationId).OnDelete(DeleteBehavior.Cascade);
        device.HasOne<User>().WithMany().HasForeignKey(d => d.UserId).OnDelete(DeleteBehavior.Cascade);
        device.HasOne<Session>().WithMany().HasForeignKey(d => d.ParentId).OnDelete(DeleteBehavior.Cascade);
    }
}
