using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Sessions;

/// <summary>
/// What gets tokens: a sign-in, a key, or an application, for a user or in its own name. Its id is the <c>sid</c> of every token minted for
/// it. <see cref="StartSession"/> creates sign-ins, the folder ApiKeys keys, and the folder OpenId those of applications. Single statements
/// change them; <see cref="LiveSession"/> documents their common rules.
/// </summary>
internal sealed class Session
{
    private Session()
    {
    }

    public Guid Id { get; private set; }

    /// <summary>One of <see cref="SessionKind"/>.</summary>
    public string Kind { get; private set; } = SessionKind.SignIn;

    /// <summary>Null for an application in its own name.</summary>
    public Guid? UserId { get; private set; }

    /// <summary>Null for a sign-in and for a key of a user.</summary>
    public Guid? ApplicationId { get; private set; }

    /// <summary>
    /// The sign-in that allowed an application's session, and whose end ends it. Null for other kinds, and for a session that goes on
    /// without it (<c>offline_access</c>).
    /// </summary>
    public Guid? ParentId { get; private set; }

    /// <summary>The application's epoch when its session for a user began. A session of an older epoch gets no tokens.</summary>
    public int ClientEpoch { get; private set; }

    /// <summary>The <c>aud</c> of its tokens; null for the mesh's own.</summary>
    public string? Audience { get; private set; }

    /// <summary>The user's epoch when the password was checked. A session of an older epoch gets no tokens.</summary>
    public int Epoch { get; private set; }

    public DateTimeOffset CreatedAt { get; private set; }

    public DateTimeOffset LastUsedAt { get; private set; }

    public DateTimeOffset ExpiresAt { get; private set; }

    /// <summary>The caller's User-Agent, by which the user may recognise the device.</summary>
    public string Device { get; private set; } = null!;

    /// <summary>The client address of the sign-in, as the gateway saw it; empty if no trusted service sent it.</summary>
    public string Network { get; private set; } = "";

    /// <summary>How often the refresh token was rotated. The newest token carries this number, the previous token one less.</summary>
    public int RefreshCounter { get; private set; }

    /// <summary>The time of the last rotation; null before the first.</summary>
    public DateTimeOffset? RefreshedAt { get; private set; }

    /// <summary>How the owner calls a key; null for a sign-in.</summary>
    public string? Name { get; private set; }

    /// <summary>What a key or an application may do; null for a sign-in, which nothing limits.</summary>
    public string[]? Scopes { get; private set; }

    /// <summary>SHA-256 of a key's text; null for a sign-in.</summary>
    public byte[]? KeyHash { get; private set; }

    /// <summary>SHA-256 of the session cookie. The cookie cannot be derived from any token or table.</summary>
    public byte[] CookieHash { get; private set; } = [];

    /// <summary>See <see cref="ProvedMethods"/>. A key proves nothing.</summary>
    public string Methods { get; private set; } = null!;

    public DateTimeOffset? EndedAt { get; private set; }
}

internal sealed class SessionMapping : IEntityTypeConfiguration<Session>
{
    public const int MaximumNetworkLength = 64; // an IPv6 address with a zone
    public const int LongestAudience = 512;

    public void Configure(EntityTypeBuilder<Session> session)
    {
        // A row of another kind than sign_in cannot pass for one, and a key or application without scopes would have a token that nothing
        // limits.
        session.ToTable("sessions", table => table.HasCheckConstraint(
            "ck_sessions_kind",
            $"""
            kind IN ('{SessionKind.SignIn}', '{SessionKind.Application}', '{SessionKind.Service}', '{SessionKind.Key}')
            AND (kind = '{SessionKind.Key}') = (key_hash IS NOT NULL)
            AND (kind <> '{SessionKind.Key}' OR name IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)
            AND (kind <> '{SessionKind.SignIn}' OR scopes IS NULL AND application_id IS NULL)
            AND (kind = '{SessionKind.Service}') = (user_id IS NULL)
            AND (kind <> '{SessionKind.Service}' OR application_id IS NOT NULL)
            AND (kind <> '{SessionKind.Application}' OR application_id IS NOT NULL AND COALESCE(cardinality(scopes), 0) > 0)
            AND (kind = '{SessionKind.Application}' OR parent_id IS NULL)
            """));
        session.HasKey(s => s.Id);
        session.Property(s => s.Id).ValueGeneratedNever();
        session.Property(s => s.Device).HasMaxLength(StartSession.MaximumDeviceLength);
        session.Property(s => s.Network).HasMaxLength(MaximumNetworkLength).HasDefaultValue("");
        // Replicas of the previous version insert sign-ins without it.
        session.Property(s => s.Kind).HasMaxLength(16).HasDefaultValue(SessionKind.SignIn);
        session.Property(s => s.Name).HasMaxLength(NameAndScopes.LongestName);
        session.HasIndex(s => s.KeyHash).IsUnique().HasFilter("key_hash IS NOT NULL").HasDatabaseName("ux_sessions_key_hash");
        session.Property(s => s.ClientEpoch).HasDefaultValue(0);
        // With the epoch, to find the dead sessions of an application among a million live ones.
        session.HasIndex(s => new { s.ApplicationId, s.ClientEpoch }).HasFilter("application_id IS NOT NULL")
            .HasDatabaseName("ix_sessions_application_id");
        session.Property(s => s.Audience).HasMaxLength(LongestAudience);
        session.HasIndex(s => s.ParentId).HasFilter("parent_id IS NOT NULL").HasDatabaseName("ix_sessions_parent_id");
        session.HasOne<Session>().WithMany().HasForeignKey(s => s.ParentId).OnDelete(DeleteBehavior.Cascade);
        session.Property(s => s.RefreshCounter).HasDefaultValue(0);
        session.HasIndex(s => s.CookieHash).IsUnique().HasFilter("cookie_hash <> ''").HasDatabaseName("ux_sessions_cookie_hash");
        session.Property(s => s.CookieHash).HasDefaultValueSql("''::bytea"); // for sessions older than the cookie
        // Replicas of the previous version insert sessions without it, all after a password.
        session.Property(s => s.Methods).HasColumnType("jsonb")
            .HasDefaultValueSql($"jsonb_build_object('{ProvedMethods.Password}', {ProvedMethods.Now})");
        session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
