using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace AuthMesh.Bench.Flood;

/// <summary>
/// Clients that sign in with unknown names, or that forgot the password of one of <see cref="ForgetfulUsers"/>. Each retries as soon as
/// it is answered, every time from another address with another name.
/// </summary>
internal sealed class LoginFlood : IDisposable
{
    private readonly ConcurrentDictionary<int, int> statuses = new();
    private readonly Uri address;
    private readonly bool isForgotten;
    private readonly HttpClient http;

    /// <param name="gateway">The mesh's address.</param>
    /// <param name="isForgotten">Whether the clients ask for a new password instead of giving one.</param>
    public LoginFlood(Uri gateway, bool isForgotten = false)
    {
        this.isForgotten = isForgotten;
        address = new Uri(gateway, isForgotten ? "/password/forgot" : "/login");
        http = new HttpClient(new SocketsHttpHandler
        {
            UseProxy = false,
            UseCookies = false,
            PooledConnectionLifetime = TimeSpan.Zero, // a new address is a new connection
            ConnectCallback = async (context, cancellation) =>
            new NetworkStream(await ConnectAsync(context.DnsEndPoint, cancellation), ownsSocket: true),
        })
        {
            Timeout = TimeSpan.FromSeconds(60),
        };
    }

    public static int Hashed(IReadOnlyDictionary<int, int> answers) => answers.GetValueOrDefault(200) + answers.GetValueOrDefault(401);

    public Task RunAsync(int clients, CancellationToken end) => Task.WhenAll(Enumerable.Range(0, clients).Select(_ => SignInAsync(end)));

    /// <returns>The number of answers by status since the last call; status 0 means no answer.</returns>
    public IReadOnlyDictionary<int, int> TakeAnswers()
    {
        var answers = new SortedDictionary<int, int>();
        foreach (var status in statuses.Keys)
        {
            answers[status] = statuses.TryRemove(status, out var count) ? count : 0;
        }

        return answers;
    }

    public void Dispose() => http.Dispose();

    private async Task SignInAsync(CancellationToken end)
    {
        while (!end.IsCancellationRequested)
        {
            var status = 0;
            try
            {
                object body = isForgotten
                    ? new { account = ForgetfulUsers.AnyName() }
                    : new { username = "nobody-" + Guid.NewGuid().ToString("N")[..12], password = "a wrong password" };
                using var answer = await http.PostAsJsonAsync(address, body, end);
                status = (int)answer.StatusCode;
            }
            catch (OperationCanceledException) when (end.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
            {
                await Task.Delay(100, CancellationToken.None);
            }

            statuses.AddOrUpdate(status, 1, (_, count) => count + 1);
        }
    }

    // On Linux, all of 127.0.0.0/8 is this machine, so one process can use any number of networks.
    private static async Task<Socket> ConnectAsync(DnsEndPoint server, CancellationToken cancellation)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (OperatingSystem.IsLinux() && (server.Host == "localhost" || server.Host.StartsWith("127.", StringComparison.Ordinal)))
            {
                byte[] source = [127, .. RandomNumberGenerator.GetBytes(2), (byte)RandomNumberGenerator.GetInt32(2, 255)];
                socket.Bind(new IPEndPoint(new IPAddress(source), 0));
            }

            await socket.ConnectAsync(server.Host == "localhost" ? "127.0.0.1" : server.Host, server.Port, cancellation);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
