using AuthMesh.Identity.Revocations;

namespace AuthMesh.Tests.Revocations;

public sealed class RevocationLogTests
{
    [Fact]
    public void A_confirmation_that_began_before_the_request_does_not_satisfy_it()
    {
        var log = new RevocationLog();
        var underWay = log.BeginConfirmation(); // it may have read the database already

        var asked = log.AskForConfirmation();

        log.Confirm(underWay, [], TimeProvider.System.GetUtcNow());
        Assert.True(log.ReadAfter(null).Confirmed < asked);
        log.Confirm(log.BeginConfirmation(), [], TimeProvider.System.GetUtcNow());
        Assert.True(log.ReadAfter(null).Confirmed >= asked);
    }

    [Fact]
    public void The_newest_entry_stays_however_old_it_is()
    {
        var (log, now) = (new RevocationLog(), TimeProvider.System.GetUtcNow());
        var entries = Enumerable.Range(1, 3)
            .Select(i => new Revocation(i, Guid.NewGuid(), "session-ended", Guid.NewGuid().ToString(), null, now.AddMinutes(i))).ToList();

        log.Confirm(log.BeginConfirmation(), entries, now.AddDays(1));

        Assert.Equal(entries[^1], log.Tail);
        Assert.Equal([entries[^1]], log.ReadAfter(null).Entries);
    }
}
