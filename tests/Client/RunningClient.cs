using System.Diagnostics;
using System.Text;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Client;

/// <summary>A client that waits for something outside.</summary>
internal sealed class RunningClient : IDisposable
{
    private readonly Process process;
    private readonly StringBuilder errors = new();
    private readonly Task readsErrors;

    public RunningClient(Process process)
    {
        this.process = process;
        process.StandardInput.Close();
        readsErrors = ReadErrorsAsync();
    }

    /// <summary>What standard error shows so far.</summary>
    public string Errors
    {
        get
        {
            lock (errors)
            {
                return errors.ToString();
            }
        }
    }

    /// <summary>Waits until standard error shows a text, or the client ends.</summary>
    public async Task UntilSaidAsync(string text)
    {
        await Patience.UntilAsync(() => Errors.Contains(text, StringComparison.Ordinal) || process.HasExited);
        Assert.Contains(text, Errors, StringComparison.Ordinal);
    }

    /// <summary>The code that the client shows.</summary>
    public async Task<string> CodeAsync()
    {
        await UntilSaidAsync("Ctrl-C ends it");
        return Errors.Split("enter the code:\n")[1].Split('\n')[0].Trim();
    }

    /// <summary>Presses Ctrl-C.</summary>
    public async Task InterruptAsync()
    {
        using var kill = Process.Start("kill", ["-INT", $"{process.Id}"]);
        await kill.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, kill.ExitCode);
    }

    public async Task<Finished> EndAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(TimeSpan.FromMinutes(1));
        var output = await process.StandardOutput.ReadToEndAsync(deadline.Token);
        await process.WaitForExitAsync(deadline.Token);
        await readsErrors;
        return new Finished(process.ExitCode, output, Errors);
    }

    public void Dispose()
    {
        if (!process.HasExited) // Kill would search all processes of the machine for children
        {
            process.Kill(entireProcessTree: true);
        }

        process.Dispose();
    }

    private async Task ReadErrorsAsync()
    {
        var buffer = new char[1024];
        while (await process.StandardError.ReadAsync(buffer) is > 0 and var count)
        {
            lock (errors)
            {
                errors.Append(buffer, 0, count);
            }
        }
    }
}
