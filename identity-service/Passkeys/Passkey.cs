using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Passkeys;

/// <summary>A public key credential of an account (WebAuthn Level 3).</summary>
internal sealed class Passkey
{
    private Passkey()
    {
    }

    /// <summary>The id by which its owner removes or renames it.</summary>
    public Guid Id { get; private set; }

    public Guid UserId { get; private set; }

    public byte[] CredentialId { get; private set; } = [];

    /// <summary>In COSE form (RFC 9052 §7).</summary>
    public byte[] PublicKey { get; private set; } = [];

    /// <summary>How its owner calls it.</summary>
    public string Name { get; private set; } = null!;

    /// <summary>The authenticator's count of signatures; 0 if it does not count.</summary>
    public long SignCount { get; private set; }

    /// <summary>How browsers reach the authenticator, such as <c>usb</c> (WebAuthn §5.8.4). A hint, which the authenticator gave.</summary>
    public string[] Transports { get; private set; } = [];

    /// <summary>Whether the authenticator may copy the key to other devices of its owner.</summary>
    public bool IsBackupEligible { get; private set; }

    /// <summary>Whether it had copied the key at the last use.</summary>
    public bool IsBackedUp { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset? LastUsedAt { get; private set; }
}

internal sealed class PasskeyMapping : IEntityTypeConfiguration<Passkey>
{
    public const string UniqueCredential = "ux_passkeys_credential_id";
    public const int MaximumNameLength = 64;

    public void Configure(EntityTypeBuilder<Passkey> passkey)
    {
        passkey.ToTable("passkeys");
        passkey.HasKey(p => p.Id);
        passkey.Property(p => p.Id).ValueGeneratedNever();
        passkey.Property(p => p.Name).HasMaxLength(MaximumNameLength);
        passkey.HasIndex(p => p.CredentialId).IsUnique().HasDatabaseName(UniqueCredential);
        passkey.HasIndex(p => p.UserId);
        passkey.HasOne<User>().WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
