using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text.Json;

namespace AuthMesh.Bench.Faults;

/// <summary>
/// Calls the gateway during the whole fault: reads protected data, registers users, changes passwords and ends sessions. It sends each
/// request once, so the table shows every failure.
/// </summary>
internal sealed class FaultLoad : IDisposable
{
    private const int Readers = 6;
    private static readonly TimeSpan BetweenReads = TimeSpan.FromMilliseconds(10), BetweenWrites = TimeSpan.FromMilliseconds(50);

    private readonly Stopwatch sinceStart = Stopwatch.StartNew();
    private readonly ConcurrentQueue<Attempt> attempts = [];
    private readonly CancellationTokenSource stopping = new(), stoppingLogins = new();
    private readonly HttpClient http;
    private readonly Ledger ledger;
    private readonly List<Task> callers = [];

    public FaultLoad(Uri gateway, Ledger ledger)
    {
        this.ledger = ledger;
        http = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false })
        {
            BaseAddress = gateway,
            Timeout = TimeSpan.FromSeconds(15), // longer than the gateway waits for a service
        };
    }

    public IReadOnlyCollection<Attempt> Attempts => attempts;

    public TimeSpan Now => sinceStart.Elapsed;

    public async Task StartAsync()
    {
        var (reader, password) = await Ledger.NewAccountAsync(http);
        var token = await TokenAsync(reader, password) ?? throw new InvalidOperationException("The load cannot sign in before the fault.");
        var (name, _) = await Ledger.NewAccountAsync(http); // a user has 100 sessions at most: the reader's must not be the oldest of them
        for (var i = 0; i < Readers; i++)
        {
            Begin(BetweenReads, () => SendAsync("GET /protected", HttpMethod.Get, token));
        }

        Begin(BetweenWrites, RegisterAsync);
        Begin(BetweenWrites, RegisterAsync);
        Begin(BetweenWrites, ChangePasswordAsync);
        Begin(BetweenWrites, () => EndSessionAsync(name, password));
        Begin(BetweenWrites, () => ledger.AskWithEndedTokenAsync(http));
    }

    /// <summary>Adds callers who sign in without a pause, each as another user, until <see cref="StopLogins"/>.</summary>
    public async Task StartLoginsAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            var (name, password) = await Ledger.NewAccountAsync(http);
            Begin(TimeSpan.Zero, () => TokenAsync(name, password), stoppingLogins.Token);
        }
    }

    public void StopLogins() => stoppingLogins.Cancel();

    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(callers);
    }

    public void Dispose()
    {
        http.Dispose();
        stopping.Dispose();
        stoppingLogins.Dispose();
    }

    private void Begin(TimeSpan pause, Func<Task> callAsync, CancellationToken until = default) => callers.Add(Task.Run(async () =>
    {
        while (!stopping.IsCancellationRequested && !until.IsCancellationRequested)
        {
            await callAsync();
            await Task.Delay(pause);
        }
    }, CancellationToken.None));

    private async Task RegisterAsync()
    {
        var (name, password) = (Ledger.NewName(), Ledger.FirstPassword);
        if (await SendAsync("POST /register", HttpMethod.Post, null, new { username = name, password }) is (200, _))
        {
            ledger.Registered(name);
        }
    }

    private async Task ChangePasswordAsync()
    {
        var name = Ledger.NewName();
        var account = new { username = name, password = Ledger.FirstPassword };
        if (await SendAsync("POST /register", HttpMethod.Post, null, account) is not (200, _)
            || await TokenAsync(name, Ledger.FirstPassword) is not { } token)
        {
            return;
        }

        var change = new { current_password = Ledger.FirstPassword, new_password = Ledger.NextPassword };
        if (await SendAsync("POST /account/password", HttpMethod.Post, token, change) is (200, _))
        {
            ledger.Changed(name);
        }
    }

    private async Task EndSessionAsync(string name, string password)
    {
        if (await TokenAsync(name, password) is { } token && await SendAsync("POST /logout", HttpMethod.Post, token) is (200, _))
        {
            ledger.Ended(token);
        }
    }

    private async Task<string?> TokenAsync(string username, string password) =>
        await SendAsync("POST /login", HttpMethod.Post, null, new { username, password }) is (200, var answer)
            ? JsonElement.Parse(answer).GetProperty("token").GetString()
            : null;

    private async Task<(int Status, string Answer)> SendAsync(string call, HttpMethod method, string? token, object? body = null)
    {
        using var request = new HttpRequestMessage(method, call.Split(' ')[1]) { Content = body is null ? null : JsonContent.Create(body) };
        if (token is not null)
        {
            request.Headers.Authorization = new("Bearer", token);
        }

        var (status, answer) = (0, "");
        try
        {
            using var response = await http.SendAsync(request);
            (status, answer) = ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
        }
        catch (Exception exception) when (exception is HttpRequestException or SocketException or OperationCanceledException)
        {
            // no answer
        }

        attempts.Enqueue(new Attempt(call, sinceStart.Elapsed, status));
        return (status, answer);
    }
}
