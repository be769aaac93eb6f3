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

    public string PasswordHash { get; private set; } = null!;

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
        Username username, string passwordHash, DateTimeOffset now, string role = Roles.User, bool isDemo = false) => new()
        {
            Id = Guid.CreateVersion7(now),
            Username = username.Value,
            NormalizedUsername = username.Normalized,
            PasswordHash = passwordHash,
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
    public const string UniqueUsername = "ux_users_normalized_username";

    public void Configure(EntityTypeBuilder<User> user)
    {
        user.ToTable("users", table => table.HasCheckConstraint("ck_users_role", $"role IN ('{Roles.User}', '{Roles.Admin}')"));
        user.HasKey(u => u.Id);
        user.Property(u => u.Id).ValueGeneratedNever();
        user.Property(u => u.Username).HasMaxLength(Users.Username.MaximumLength);
        // User lists sort by byte order. An upgrade of the system's collation would change any other order and break the index.
        user.Property(u => u.NormalizedUsername).HasMaxLength(Users.Username.MaximumLength).UseCollation("C");
        user.Property(u => u.FactorsEpoch).HasDefaultValue(0); // replicas of the previous version insert users without it
        user.HasIndex(u => u.NormalizedUsername).IsUnique().HasDatabaseName(UniqueUsername);
    }
}
