using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Tour;

/// <summary>Waits for a mesh that has just started.</summary>
internal static class Readiness
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15); // a mesh that is built already is ready in a few seconds
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    public static async Task WaitAsync(Invocation invocation, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(Patience);

        CommandFailure? last = null;
        try
        {
            while (await ProbeAsync(invocation, deadline.Token) is { } failure)
            {
                if (last is null)
                {
                    invocation.Output.Note($"{failure.Message}; waiting up to {Patience.TotalSeconds:0} s for it to be ready");
                }

                last = failure;
                await Task.Delay(Pause, deadline.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw last ?? NotReady($"{invocation.Server}/health/ready does not answer");
        }
    }

    private static async Task<CommandFailure?> ProbeAsync(Invocation invocation, CancellationToken cancellation)
    {
        try
        {
            var answer = await invocation.Connection.SendAsync(Request.Get("/health/ready"), cancellation);
            return answer.Status == 200 ? null : NotReady($"{invocation.Server}/health/ready answers {answer.Status}");
        }
        catch (CommandFailure failure)
        {
            return failure;
        }
    }

    private static CommandFailure NotReady(string message) => new(
        ExitCode.Unavailable, "not_ready", message, "is the mesh running? ./run.sh starts it; --server names another one");
}
