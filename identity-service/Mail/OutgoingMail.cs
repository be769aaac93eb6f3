using AuthMesh.Identity.Users;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Npgsql;

namespace AuthMesh.Identity.Mail;

/// <summary>
/// A mail of the outbox. The transaction that causes a mail inserts it, so a mail is neither lost nor sent for a change that was rolled
/// back. A worker sends it afterwards and deletes it.
/// </summary>
internal sealed class OutgoingMail
{
    private OutgoingMail()
    {
    }

    public Guid Id { get; private set; }

    /// <summary>The name of a <see cref="MailKind"/>.</summary>
    public string Kind { get; private set; } = null!;

    public Guid UserId { get; private set; }

    /// <summary>The recipient.</summary>
    public string Address { get; private set; } = null!;

    /// <summary>The language of the text, such as <c>en</c>.</summary>
    public string Language { get; private set; } = null!;

    /// <summary>Values for the template, as a JSON object of texts. Never a secret: a proof is made when the mail is sent.</summary>
    public string Data { get; private set; } = null!;

    public DateTimeOffset CreatedAt { get; private set; }

    /// <summary>When the worker may send it. A worker that takes it moves this time, so that no other worker takes it meanwhile.</summary>
    public DateTimeOffset DueAt { get; private set; }

    /// <summary>When the mail is given up.</summary>
    public DateTimeOffset ExpiresAt { get; private set; }

    public int Attempts { get; private set; }

    /// <summary>Reads a row of the columns above, in their order.</summary>
    public static OutgoingMail Read(NpgsqlDataReader row, int firstColumn) => new()
    {
        Id = row.GetGuid(firstColumn),
        Kind = row.GetString(firstColumn + 1),
        UserId = row.GetGuid(firstColumn + 2),
        Address = row.GetString(firstColumn + 3),
        Language = row.GetString(firstColumn + 4),
        Data = row.GetString(firstColumn + 5),
        CreatedAt = row.GetFieldValue<DateTimeOffset>(firstColumn + 6),
        DueAt = row.GetFieldValue<DateTimeOffset>(firstColumn + 7),
        ExpiresAt = row.GetFieldValue<DateTimeOffset>(firstColumn + 8),
        Attempts = row.GetInt32(firstColumn + 9),
    };
}

internal sealed class OutgoingMailMapping : IEntityTypeConfiguration<OutgoingMail>
{
    public void Configure(EntityTypeBuilder<OutgoingMail> mail)
    {
        mail.ToTable("mails");
        mail.HasKey(m => m.Id);
        mail.Property(m => m.Id).ValueGeneratedNever();
        mail.Property(m => m.Address).HasMaxLength(EmailAddress.MaximumLength);
        mail.Property(m => m.Data).HasColumnType("jsonb").HasDefaultValueSql("'{}'::jsonb");
        mail.HasIndex(m => m.DueAt);
        mail.HasOne<User>().WithMany().HasForeignKey(m => m.UserId).OnDelete(DeleteBehavior.Cascade);
    }
}
