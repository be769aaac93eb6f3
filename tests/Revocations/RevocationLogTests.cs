using AuthMesh.Identity.Revocations;

namespace AuthMesh.Tests.Revocations;

public sealed class RevocationLogTests
{
    [Fact]
    public void A_confirmation_that_was_under_way_when_somebody_asked_does_not_count()
    {
        var log = new RevocationLog();
        var underWay = log.BeginConfirmation(); // the database may have been read already

        var asked = log.AskForConfirmation();

        log.Confirm(underWay, [], TimeProvider.System.GetUtcNow());
        Assert.True(log.ReadAfter(null).Confirmed < asked);
        log.Confirm(log.BeginConfirmation(), [], TimeProvider.System.GetUtcNow());
        Assert.True(log.ReadAfter(null).Confirmed >= asked);
    }
}
