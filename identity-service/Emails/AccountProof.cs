using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Emails;

/// <summary>
/// What a link in a mail proves: that its reader may set a password, or owns an address. The link holds 130 random bits and this row their
/// SHA-256, so a copy of the table opens no account.
/// </summary>
internal sealed class AccountProof
{
    private AccountProof()
    {
    }

    public byte[] TokenHash { get; private set; } = [];

    /// <summary>The name of a <see cref="ProofPurpose"/>.</summary>
    public string Purpose { get; private set; } = null!;

    public Guid UserId { get; private set; }

    /// <summary>The user's <c>factors_epoch</c> when the proof was made. A change since then makes the proof void.</summary>
    public int FactorsEpoch { get; private set; }

    /// <summary>The address that the proof was mailed to; null if an admin handed it out, so that it proves no address.</summary>
    public string? Address { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset ExpiresAt { get; private set; }
}

internal enum ProofPurpose
{
    VerifyEmail,
    PasswordReset,
    Invitation,
}

internal sealed class AccountProofMapping : IEntityTypeConfiguration<AccountProof>
{
    public void Configure(EntityTypeBuilder<AccountProof> proof)
    {
        proof.ToTable("account_proofs");
        proof.HasKey(p => p.TokenHash);
        proof.Property(p => p.Address).HasMaxLength(EmailAddress.MaximumLength);
        proof.HasIndex(p => p.UserId);
        proof.HasOne<User>().WithMany().HasForeignKey(p => p.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
