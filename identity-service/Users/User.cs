using AuthMesh.Access;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Users;

internal sealed class User
{
    private User()
    {
    }

    /// <summary>The subject of tokens; never reused, even after deletion.</summary>
    public Guid Id { get; private set; }

    public string Username { get; private set; } = null!;

    /// <summary>The name in lower case, which must be unique.</summary>
    public string NormalizedUsername { get; private set; } = null!;

    /// <summary>Null if the account has no password: its owner signs in with a passkey, or has yet to accept an invitation.</summary>
    public string? PasswordHash { get; private set; }

    /// <summary>
    /// The address that the owner proved, as typed; null if none. Only this address receives a reset or appears in a token.
    /// </summary>
    public string? Email { get; private set; }

    /// <summary>The proved address in ASCII lower case, which must be unique.</summary>
    public string? NormalizedEmail { get; private set; }

    /// <summary>When the owner proved the address; null exactly when <see cref="Email"/> is.</summary>
    public DateTimeOffset? EmailVerifiedAt { get; private set; }

    /// <summary>An address that the owner asked for and has yet to prove. Several accounts may ask for the same one.</summary>
    public string? RequestedEmail { get; private set; }

    /// <summary>Whether a password alone does not sign in: a second factor or a passkey must follow.</summary>
    public bool TwoStep { get; private set; }

    /// <summary>The account's id towards passkeys (WebAuthn §5.4.3): 48 random bytes in base64url. Null before the first passkey.</summary>
    public string? PasskeyHandle { get; private set; }

    /// <summary>The language of mails and pages, such as <c>en</c>; null if the owner chose none.</summary>
    public string? Language { get; private set; }

    public string Role { get; private set; } = null!;

    /// <summary>Raising it ends all earlier sessions and tokens; a session of an older epoch gets no tokens.</summary>
    public int Epoch { get; private set; }

    /// <summary>Every change of the password or of another way to sign in raises it. A sign-in in progress fails then.</summary>
    public int FactorsEpoch { get; private set; }

    /// <summary>Whether the quick start created this user, with a publicly known password.</summary>
    public bool IsDemo { get; private set; }

    public DateTimeOffset? DisabledAt { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public static User Create(
        Username username, string passwordHash, DateTimeOffset now, string role = Roles.User, bool isDemo = false,
        EmailAddress? requestedEmail = null) => new()
        {
            Id = Guid.CreateVersion7(now),
            Username = username.Value,
            NormalizedUsername = username.Normalized,
            PasswordHash = passwordHash,
            RequestedEmail = requestedEmail?.Value,
            Role = role,
            IsDemo = isDemo,
            CreatedAt = now,
        };

    /// <summary>
    /// Gives access back to an owner who proved their identity by other means. All earlier sessions and tokens end: the trigger
    /// <c>user_epoch_raised</c> notifies every verifier.
    /// </summary>
    public void Recover(string passwordHash)
    {
        PasswordHash = passwordHash;
        DisabledAt = null;
        IsDemo = false; // the password is no longer public
        Epoch++;
        FactorsEpoch++;
    }
}

internal sealed class UserMapping : IEntityTypeConfiguration<User>
{
    public const string UniqueUsername = "ux_users_normalized_username", UniqueEmail = "ux_users_normalized_email";

    public void Configure(EntityTypeBuilder<User> user)
    {
        user.ToTable("users", table => table.HasCheckConstraint("ck_users_role", $"role IN ('{Roles.User}', '{Roles.Admin}')"));
        user.HasKey(u => u.Id);
        user.Property(u => u.Id).ValueGeneratedNever();
        user.Property(u => u.Username).HasMaxLength(Users.Username.MaximumLength);
        // User lists sort by byte order. An upgrade of the system's collation would change any other order and break the index.
        user.Property(u => u.NormalizedUsername).HasMaxLength(Users.Username.MaximumLength).UseCollation("C");
        user.Property(u => u.FactorsEpoch).HasDefaultValue(0); // replicas of the previous version insert users without it
        user.Property(u => u.Email).HasMaxLength(EmailAddress.MaximumLength);
        user.Property(u => u.NormalizedEmail).HasMaxLength(EmailAddress.MaximumLength).UseCollation("C");
        user.Property(u => u.RequestedEmail).HasMaxLength(EmailAddress.MaximumLength);
        user.Property(u => u.TwoStep).HasDefaultValue(false); // replicas of the previous version insert users without it
        user.Property(u => u.PasskeyHandle).HasMaxLength(64);
        user.Property(u => u.Language).HasMaxLength(8);
        user.HasIndex(u => u.NormalizedEmail).IsUnique().HasDatabaseName(UniqueEmail);
        user.HasIndex(u => u.PasskeyHandle).IsUnique().HasDatabaseName("ux_users_passkey_handle");
        user.HasIndex(u => u.NormalizedUsername).IsUnique().HasDatabaseName(UniqueUsername);
    }
}
