using AuthMesh.Identity.Throttling;
using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.SignIn;

/// <summary>
/// A sign-in whose password was right and whose second factor is due. Its login token is single use. <see cref="PendingSignIns"/> begins,
/// finds and consumes it.
/// </summary>
internal sealed class PendingSignIn
{
    private PendingSignIn()
    {
    }

    /// <summary>SHA-256 of the login token.</summary>
    public byte[] TokenHash { get; private set; } = [];

    public Guid UserId { get; private set; }

    public int Epoch { get; private set; }

    public int FactorsEpoch { get; private set; }

    /// <summary>The nonce of the device cookie, if the device was known to this account in this epoch; else null.</summary>
    public byte[]? DeviceNonce { get; private set; }

    public string Network { get; private set; } = "";

    /// <summary>The codes that were tried; each counts before it is checked.</summary>
    public int WrongCodes { get; private set; }

    /// <summary>When the password was proved.</summary>
    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset ExpiresAt { get; private set; }

    /// <summary>The device cookie that came with the password, if it was for this account; else null.</summary>
    public DeviceCookie? KnownDevice => DeviceNonce is null ? null : new DeviceCookie(UserId, Epoch, DeviceNonce);
}

internal sealed class PendingSignInMapping : IEntityTypeConfiguration<PendingSignIn>
{
    public void Configure(EntityTypeBuilder<PendingSignIn> pending)
    {
        pending.ToTable("pending_sign_ins");
        pending.HasKey(p => p.TokenHash);
        pending.Ignore(p => p.KnownDevice);
        pending.Property(p => p.Network).HasMaxLength(64);
        pending.HasIndex(p => p.UserId);
        pending.HasOne<User>().WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
