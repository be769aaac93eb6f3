using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AuthMesh.LocalMesh;

namespace AuthMesh.TestMesh;

/// <summary>
/// Stands between two programs, such as a service and PostgreSQL, and can fall silent: it accepts connections and keeps them open, but
/// passes nothing on. A suspended server, a full disk or a cut cable looks like this to the service, wherever the server runs.
/// </summary>
public sealed class Relay : IDisposable
{
    private readonly TcpListener listener = new(Loopback.Address, 0);
    private readonly CancellationTokenSource closed = new();
    private readonly ConcurrentBag<TcpClient> connections = [];
    private readonly int target;
    private volatile bool refuses;
    private volatile TaskCompletionSource speaking = new();

    public Relay(int target)
    {
        this.target = target;
        speaking.SetResult();
        listener.Start();
        _ = AcceptAsync();
    }

    /// <summary>How long each answer of the server is held back.</summary>
    public TimeSpan Delay { get; set; }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public void FallSilent() => speaking = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Breaks every connection, open or new, until <see cref="Speak"/>.</summary>
    public void Refuse()
    {
        refuses = true;
        Cut();
    }

    public void Speak()
    {
        refuses = false;
        speaking.TrySetResult();
    }

    /// <summary>Breaks every connection. New ones pass.</summary>
    public void Cut()
    {
        foreach (var connection in connections)
        {
            connection.Close(); // with a reset, because of LingerState
        }
    }

    public void Dispose()
    {
        closed.Cancel();
        listener.Dispose();
        closed.Dispose();
    }

    private async Task AcceptAsync()
    {
        while (!closed.IsCancellationRequested)
        {
            _ = ServeAsync(await listener.AcceptTcpClientAsync(closed.Token), closed.Token);
        }
    }

    private async Task ServeAsync(TcpClient near, CancellationToken closing)
    {
        near.LingerState = new(enable: true, seconds: 0);
        connections.Add(near);
        if (refuses)
        {
            near.Close();
            return;
        }

        using (near)
        using (var far = new TcpClient())
        {
            await far.ConnectAsync(Loopback.Address, target, closing);
            await Task.WhenAny(PumpAsync(near, far, () => TimeSpan.Zero, closing), PumpAsync(far, near, () => Delay, closing));
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to, Func<TimeSpan> delay, CancellationToken closing)
    {
        var buffer = new byte[16 * 1024];
        while (await from.GetStream().ReadAsync(buffer, closing) is > 0 and var count)
        {
            await speaking.Task.WaitAsync(closing);
            await Task.Delay(delay(), closing);
            await to.GetStream().WriteAsync(buffer.AsMemory(0, count), closing);
        }
    }
}
