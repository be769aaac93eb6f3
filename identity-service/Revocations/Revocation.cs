using AuthMesh.Revocations;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace AuthMesh.Identity.Revocations;

/// <summary>
/// One entry of the ordered log of what verifiers must know. Triggers write the rows (<c>revocations.sql</c>), in the
/// transaction that makes the change, so that no code path and no operator at a psql prompt can forget one.
/// </summary>
/// <param name="Position">
/// Its place in the log. It is given under a lock that is held until the commit, so the order of numbers is the order of commits and
/// a reader who has seen one number has seen all below it.
/// </param>
/// <param name="Mark">
/// Random. Position and mark together name the entry: in a database that was restored from an older copy, another entry gets the
/// same position, but never the same mark.
/// </param>
/// <param name="Kind">The name of a <see cref="RevocationKind"/>.</param>
/// <param name="Subject">The session's id, the user's id or the key's id; empty for <see cref="RevocationKind.KeysChanged"/>.</param>
/// <param name="Epoch">For <see cref="RevocationKind.UserBelowEpoch"/>: tokens of that user with a smaller epoch are refused.</param>
/// <param name="WrittenAt">By PostgreSQL's clock.</param>
internal sealed record Revocation(long Position, Guid Mark, string Kind, string Subject, int? Epoch, DateTimeOffset WrittenAt);

internal sealed class RevocationMapping : IEntityTypeConfiguration<Revocation>
{
    public void Configure(EntityTypeBuilder<Revocation> revocation)
    {
        revocation.ToTable("revocations");
        revocation.HasKey(r => r.Position);
        revocation.Property(r => r.Position).ValueGeneratedNever(); // the trigger's to give
    }
}
