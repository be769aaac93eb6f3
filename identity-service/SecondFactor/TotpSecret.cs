using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.SecondFactor;

/// <summary>
/// The secret that an authenticator app shares with the service (RFC 6238). An account has at most one in use, and at most one that waits
/// for its first code.
/// </summary>
internal sealed class TotpSecret
{
    private TotpSecret()
    {
    }

    public Guid Id { get; private set; }

    public Guid UserId { get; private set; }

    /// <summary>The key of the ring that seals the secret.</summary>
    public string KeyId { get; private set; } = null!;

    public byte[] Sealed { get; private set; } = [];

    public DateTimeOffset CreatedAt { get; private set; }

    /// <summary>When a right code turned it on; null before.</summary>
    public DateTimeOffset? ConfirmedAt { get; private set; }

    /// <summary>The time step of the newest code that was accepted: a code counts once (RFC 6238 §5.2).</summary>
    public long LastStep { get; private set; }

    /// <summary>Wrong codes since the last right one, with those that are being checked.</summary>
    public int WrongCodes { get; private set; }

    /// <summary>What the secret is sealed for: a row that somebody copies to another user does not open.</summary>
    public static string Context(Guid userId) => $"authmesh totp 1 {userId}";
}

internal sealed class TotpSecretMapping : IEntityTypeConfiguration<TotpSecret>
{
    public void Configure(EntityTypeBuilder<TotpSecret> totp)
    {
        totp.ToTable("totp_secrets");
        totp.HasKey(t => t.Id);
        totp.Property(t => t.Id).ValueGeneratedNever();
        totp.HasIndex(t => t.UserId, "ux_totp_secrets_confirmed").IsUnique().HasFilter("confirmed_at IS NOT NULL")
            .HasDatabaseName("ux_totp_secrets_confirmed");
        totp.HasIndex(t => t.UserId, "ux_totp_secrets_waiting").IsUnique().HasFilter("confirmed_at IS NULL")
            .HasDatabaseName("ux_totp_secrets_waiting");
        totp.HasOne<User>().WithMany().HasForeignKey(t => t.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
