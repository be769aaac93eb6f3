using AuthMesh.Identity.Accounts;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Sessions;

/// <summary>One sign-in. Its id is the <c>sid</c> of every token that is minted for it. Written by <see cref="StartSession"/> alone.</summary>
internal sealed class Session
{
    private Session()
    {
    }

    public Guid Id { get; private set; }

    public Guid UserId { get; private set; }

    /// <summary>The user's epoch when the password was checked. A session of an older epoch mints nothing.</summary>
    public int Epoch { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset LastUsedAt { get; private set; }

    public DateTimeOffset ExpiresAt { get; private set; }

    /// <summary>The caller's User-Agent, by which the user may recognise the device.</summary>
    public string Device { get; private set; } = null!;

    public DateTimeOffset? EndedAt { get; private set; }
}

internal sealed class SessionMapping : IEntityTypeConfiguration<Session>
{
    public void Configure(EntityTypeBuilder<Session> session)
    {
        session.ToTable("sessions");
        session.HasKey(s => s.Id);
        session.Property(s => s.Id).ValueGeneratedNever();
        session.Property(s => s.Device).HasMaxLength(StartSession.MaximumDeviceLength);
        session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
