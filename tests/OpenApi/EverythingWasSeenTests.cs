using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.OpenApi;

/// <summary>What the OpenAPI documents name and no test has seen. It starts last, and waits for all other tests.</summary>
public sealed class EverythingWasSeenTests
{
    [Fact]
    public async Task A_run_of_all_tests_sees_every_documented_answer_header_and_member()
    {
        // test.sh says so. Chosen tests see less.
        Assert.SkipUnless(Environment.GetEnvironmentVariable("AUTHMESH_WHOLE_SUITE") == "true", "This is no run of all tests.");

        await FinishedTests.UntilOneIsLeftAsync(TestContext.Current.CancellationToken);

        Assert.Empty(Contract.Missing);
    }
}
