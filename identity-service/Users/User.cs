using AuthMesh.Access;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Users;

internal sealed class User
{
    private User()
    {
    }

    /// <summary>The subject of tokens; never given to another user, also after deletion.</summary>
    public Guid Id { get; private set; }

    public string Username { get; private set; } = null!;

    /// <summary>The name without case, which is what must be unique.</summary>
    public string NormalizedUsername { get; private set; } = null!;

    public string PasswordHash { get; private set; } = null!;

    public string Role { get; private set; } = null!;

    /// <summary>Raised by whatever must end all that was issued before; a session of an older epoch mints nothing.</summary>
    public int Epoch { get; private set; }

    /// <summary>Whether the quick start made this user, with a password that everybody knows.</summary>
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
    /// Gives access back to somebody who proved to be the owner by other means. What was issued before ends: the trigger
    /// <c>user_epoch_raised</c> tells every verifier.
    /// </summary>
    public void Recover(string passwordHash)
    {
        PasswordHash = passwordHash;
        DisabledAt = null;
        IsDemo = false; // the password is nobody else's any more
        Epoch++;
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
        // Byte by byte, whatever the database's own order is: lists of users go by it, and an upgrade of the system's does not shift it.
        user.Property(u => u.NormalizedUsername).HasMaxLength(Users.Username.MaximumLength).UseCollation("C");
        user.HasIndex(u => u.NormalizedUsername).IsUnique().HasDatabaseName(UniqueUsername);
    }
}
