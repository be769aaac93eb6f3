using Xunit.Sdk;

namespace AuthMesh.Tests.Harness;

/// <summary>Counts the test cases that have ended, for a test that must be the last.</summary>
internal sealed class FinishedTests(IMessageSink inner, int count) : IMessageSink
{
    private static readonly TaskCompletionSource OneIsLeft = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private int left = count;

    public static Task UntilOneIsLeftAsync(CancellationToken cancellationToken) => OneIsLeft.Task.WaitAsync(cancellationToken);

    public bool OnMessage(IMessageSinkMessage message)
    {
        if (message is ITestCaseFinished && Interlocked.Decrement(ref left) == 1)
        {
            OneIsLeft.SetResult();
        }

        return inner.OnMessage(message);
    }
}
