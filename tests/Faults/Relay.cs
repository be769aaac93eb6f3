using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using AuthMesh.LocalMesh;

namespace AuthMesh.Tests.Faults;

/// <summary>
/// Stands between a service and PostgreSQL and can fall silent: it accepts connections and keeps them open, but passes nothing on. A
/// suspended server, a full disk or a cut cable looks like this to the service, wherever PostgreSQL runs.
/// </summary>
internal sealed class Relay : IDisposable
{
    private readonly TcpListener listener = new(Loopback.Address, 0);
    private readonly CancellationTokenSource closed = new();
    private readonly ConcurrentBag<TcpClient> connections = [];
    private readonly int target;
    private volatile TaskCompletionSource speaking = new();

    public Relay(int target)
    {
        this.target = target;
        speaking.SetResult();
        listener.Start();
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public void FallSilent() => speaking = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Speak() => speaking.TrySetResult();

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
        using (near)
        using (var far = new TcpClient())
        {
            await far.ConnectAsync(Loopback.Address, target, closing);
            await Task.WhenAny(PumpAsync(near, far, closing), PumpAsync(far, near, closing));
        }
    }

    private async Task PumpAsync(TcpClient from, TcpClient to, CancellationToken closing)
    {
        var buffer = new byte[16 * 1024];
        while (await from.GetStream().ReadAsync(buffer, closing) is > 0 and var count)
        {
            await speaking.Task.WaitAsync(closing);
            await to.GetStream().WriteAsync(buffer.AsMemory(0, count), closing);
        }
    }
}
