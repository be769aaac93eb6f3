using AuthMesh.Revocations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// One entry of the ordered log that verifiers follow. Triggers write the rows (<c>revocations.sql</c>) in the transaction that makes the
/// change, so no code path and no operator at a psql prompt can forget one.
/// </summary>
/// <param name="Position">
/// The entry's place in the log. It is assigned under a lock that is held until the commit, so the numbers follow the order of commits. A
/// reader who has seen one number has seen all lower ones.
/// </param>
/// <param name="Mark">
/// A random id. Position and mark together identify the entry: after a restore from an older backup, another entry may get the same
/// position, but never the same mark.
/// </param>
/// <param name="Kind">The name of a <see cref="RevocationKind"/>.</param>
/// <param name="Subject">
/// The id of the session, the user, the application or the key; empty for <see cref="RevocationKind.KeysChanged"/>.
/// </param>
/// <param name="Epoch">Tokens of the user or the application with a smaller epoch are refused; null for the other kinds.</param>
/// <param name="WrittenAt">By PostgreSQL's clock.</param>
internal sealed record Revocation(long Position, Guid Mark, string Kind, string Subject, int? Epoch, DateTimeOffset WrittenAt);

internal sealed class RevocationMapping : IEntityTypeConfiguration<Revocation>
{
    public void Configure(EntityTypeBuilder<Revocation> revocation)
    {
        revocation.ToTable("revocations");
        revocation.HasKey(r => r.Position);
        revocation.Property(r => r.Position).ValueGeneratedNever(); // the trigger assigns it
    }
}
