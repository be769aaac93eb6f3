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
}
