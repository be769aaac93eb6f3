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
        var entries = Entries(3, now);

        log.Confirm(log.BeginConfirmation(), entries, now.AddDays(1));

        Assert.Equal(entries[^1], log.Tail);
        Assert.Equal([entries[^1]], log.ReadAfter(null).Entries);
    }

    [Fact]
    public void The_entries_of_another_history_replace_the_lost_ones()
    {
        var (log, now) = (new RevocationLog(), TimeProvider.System.GetUtcNow());
        var (lost, restored) = (Entries(3, now), Entries(2, now)); // the same positions with other marks
        log.Confirm(log.BeginConfirmation(), lost, now);

        Assert.Equal(lost, log.StartAnew());
        log.Confirm(log.BeginConfirmation(), restored, now);

        Assert.Equal(restored, log.ReadAfter(null).Entries);
        Assert.Equal(restored, log.ReadAfter(new LogPosition(lost[^1].Position, lost[^1].Mark)).Entries);
    }

    private static List<Revocation> Entries(int count, DateTimeOffset now) =>
    [
        .. Enumerable.Range(1, count)
            .Select(i => new Revocation(i, Guid.NewGuid(), "session-ended", Guid.NewGuid().ToString(), null, now.AddMinutes(i))),
    ];
}
