using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Xunit.Sdk;
using Xunit.v3;

namespace AuthMesh.Tests.Harness;

/// <summary>
/// Runs collections, classes and tests in an order that depends on a seed, so that no test can depend on another. AUTHMESH_TEST_SEED is
/// the seed. test.sh creates one for each run and prints it.
/// </summary>
public sealed class RandomOrder : XunitTestFramework, ITestCollectionOrderer, ITestCaseOrderer
{
    private static readonly string Seed = Environment.GetEnvironmentVariable("AUTHMESH_TEST_SEED") ?? "";

    /// <summary>These take longest, so they start first: otherwise one of them would run at the end, alone on two cores.</summary>
    private static readonly Type[] Longest =
    [
        typeof(Pages.OnPages), typeof(Sessions.OnTwoReplicas), typeof(Throttling.OnThrottledMesh), typeof(Faults.OnOwnMesh),
        typeof(Keys.RotationTests), typeof(Faults.RevocationFaultTests), typeof(Client.WebLoginTests), typeof(Keys.RotateCommandTests),
        typeof(LocalMesh.MeshProgramTests), typeof(Client.SessionCommandTests), typeof(Promise.OneLineTests),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection =>
        [.. testCollections.OrderBy(collection => Rank(collection)).ThenBy(collection => Place(collection.UniqueID))];

    public IReadOnlyCollection<TTestCase> OrderTestCases<TTestCase>(IReadOnlyCollection<TTestCase> testCases)
        where TTestCase : notnull, ITestCase => [.. testCases.OrderBy(test => Place(test.UniqueID))];

    protected override ITestFrameworkExecutor CreateExecutor(Assembly assembly) =>
        new Executor(new XunitTestAssembly(assembly, null, assembly.GetName().Version));

    private static int Rank(ITestCollection collection)
    {
        var name = collection.TestCollectionClassName ?? collection.TestCollectionDisplayName;
        var place = Array.FindIndex(Longest, type => name.Contains(type.FullName!, StringComparison.Ordinal));
        return place >= 0 ? place
            : name.Contains(nameof(OpenApi.EverythingWasSeenTests), StringComparison.Ordinal) ? Longest.Length + 1 : Longest.Length;
    }

    private static string Place(string id) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(Seed + id)));

    /// <summary>Runs the classes of one collection in the order of their tests.</summary>
    private sealed class Executor(IXunitTestAssembly assembly) : XunitTestFrameworkExecutor(assembly)
    {
        public override async ValueTask RunTestCases(
            IReadOnlyCollection<IXunitTestCase> testCases, IMessageSink executionMessageSink,
            ITestFrameworkExecutionOptions executionOptions, CancellationToken cancellationToken) => await new Runner().Run(
                TestAssembly, [.. testCases.OrderBy(test => Place(test.UniqueID))],
                new FinishedTests(executionMessageSink, testCases.Count), executionOptions, cancellationToken);
    }

    /// <summary>
    /// Lets collections ask for one of the parallel places in their order. The base class gives each to the thread pool, whose threads ask
    /// in any order: one of the longest would get its place last.
    /// </summary>
    private sealed class Runner : XunitTestAssemblyRunner
    {
        protected override ValueTask<RunSummary> RunTestCollections(XunitTestAssemblyRunnerContext ctxt, Exception? exception)
        {
            var before = SynchronizationContext.Current;
            SynchronizationContext.SetSynchronizationContext(new InOrder());
            try
            {
                return base.RunTestCollections(ctxt, exception);
            }
            finally
            {
                SynchronizationContext.SetSynchronizationContext(before);
            }
        }
    }

    /// <summary>
    /// Runs each callback at once, on the thread that posts it, until its first await. The rest of the callback runs on the thread pool.
    /// </summary>
    private sealed class InOrder : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
            var before = Current;
            SetSynchronizationContext(null);
            try
            {
                d(state);
            }
            finally
            {
                SetSynchronizationContext(before);
            }
        }
    }
}
