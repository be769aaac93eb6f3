using System.Buffers.Text;
using System.Diagnostics;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace AuthMesh.Bench.FailOver;

/// <summary>
/// Clients that register, sign in, change the password and sign out again, without a pause and without a retry. They record each answer
/// of 200. A watcher goes on calling every verifier with the tokens of ended sessions.
/// </summary>
internal sealed class Clients : IAsyncDisposable
{
    private const int Count = 6;

    private static readonly TimeSpan PauseOfClient = TimeSpan.FromMilliseconds(20), PauseAfterFailure = TimeSpan.FromMilliseconds(100);

    // The watcher calls each verifier with these of the newest ended sessions.
    private const int Watched = 20;

    private readonly HttpClient http = new(new SocketsHttpHandler { UseCookies = false, UseProxy = false })
    {
        Timeout = TimeSpan.FromSeconds(15),
    };

    private readonly IReadOnlyList<Uri> gateways, verifiers;
    private readonly TimeSpan staleAfter;
    private readonly CancellationTokenSource stop = new();
    private readonly Task work;
    private volatile Acknowledged current = new();
    private int acceptedLate;
    private long longestAcceptance;

    /// <param name="gateways">The clients call these in turns.</param>
    /// <param name="verifiers">Every replica that answers at /protected.</param>
    /// <param name="staleAfter">When a verifier without news refuses every token. Nothing may accept an ended one later than that.</param>
    public Clients(IReadOnlyList<Uri> gateways, IReadOnlyList<Uri> verifiers, TimeSpan staleAfter)
    {
        (this.gateways, this.verifiers, this.staleAfter) = (gateways, verifiers, staleAfter);
        work = Task.WhenAll(
            Enumerable.Range(0, Count).Select(client => Task.Run(() => ActAsync(client)))
                .Concat(verifiers.Select(verifier => Task.Run(() => WatchAsync(verifier)))));
    }

    /// <summary>Acceptances of ended tokens later than <c>staleAfter</c> since the round began.</summary>
    public int AcceptedLate => acceptedLate;

    /// <summary>The longest time from the answer of a sign-out to a verifier's last acceptance.</summary>
    public TimeSpan LongestAcceptance => TimeSpan.FromTicks(Interlocked.Read(ref longestAcceptance));

    public Acknowledged Current => current;

    /// <summary>Records into a new round from now on.</summary>
    public Acknowledged BeginRound()
    {
        acceptedLate = 0;
        Interlocked.Exchange(ref longestAcceptance, 0);
        return current = new Acknowledged();
    }

    /// <returns>The status of a login, or 0.</returns>
    public async Task<int> LoginAsync(string username, string password) =>
        (await SendAsync(new Acknowledged(), gateways[0], HttpMethod.Post, "/login", new { username, password })).Status;

    /// <returns>The status of a refresh, or 0.</returns>
    public async Task<int> RefreshAsync(string refreshToken) =>
        (await SendAsync(new Acknowledged(), gateways[0], HttpMethod.Post, "/refresh", new { refresh_token = refreshToken })).Status;

    /// <returns>How many verifiers accept the token.</returns>
    public async Task<int> CountAcceptingAsync(string token)
    {
        var answers = await Task.WhenAll(
            verifiers.Select(verifier => SendAsync(new Acknowledged(), verifier, HttpMethod.Get, "/protected", null, token)));
        return answers.Count(answer => answer.Status == 200);
    }

    public async ValueTask DisposeAsync()
    {
        await stop.CancelAsync();
        await work;
        http.Dispose();
        stop.Dispose();
    }

    private async Task ActAsync(int client)
    {
        for (var turn = client; !stop.IsCancellationRequested; turn++)
        {
            var round = current;
            round.Begin();
            var hasFailed = !await ActAsync(round, gateways[turn % gateways.Count], changesPassword: turn % 2 == 0);
            round.End();
            await Task.Delay(hasFailed ? PauseAfterFailure : PauseOfClient);
        }
    }

    /// <returns>Whether everything was answered with 200.</returns>
    private async Task<bool> ActAsync(Acknowledged round, Uri gateway, bool changesPassword)
    {
        var (name, first, second) = ($"drill-{Guid.NewGuid():N}"[..24], "the first password of a client", "the second password of it");
        if (!await WriteAsync("/register", new { username = name, password = first }))
        {
            return false;
        }

        round.Registrations.Enqueue(name);
        var login = await SendAsync(round, gateway, HttpMethod.Post, "/login", new { username = name, password = first });
        if (login.Status != 200)
        {
            return false;
        }

        var token = login.Body.GetProperty("token").GetString()!;
        if (changesPassword)
        {
            var isChanged = await WriteAsync("/account/password", new { current_password = first, new_password = second }, token);
            if (isChanged)
            {
                round.PasswordChanges.Enqueue((name, second));
            }

            return isChanged;
        }

        var hasEnded = await WriteAsync("/logout", null, token);
        if (hasEnded)
        {
            var refreshToken = login.Body.GetProperty("refresh_token").GetString()!;
            round.Revocations.Enqueue(new EndedSession(SessionOf(token), token, refreshToken, Stopwatch.GetTimestamp()));
        }

        return hasEnded;

        async Task<bool> WriteAsync(string path, object? body, string? bearer = null)
        {
            if ((await SendAsync(round, gateway, HttpMethod.Post, path, body, bearer)).Status != 200)
            {
                return false;
            }

            round.Writes.Enqueue(Stopwatch.GetTimestamp());
            return true;
        }
    }

    private async Task WatchAsync(Uri verifier)
    {
        while (!stop.IsCancellationRequested)
        {
            foreach (var ended in current.Revocations.Reverse().Take(Watched))
            {
                var asked = Stopwatch.GetElapsedTime(ended.At);
                if ((await SendAsync(new Acknowledged(), verifier, HttpMethod.Get, "/protected", null, ended.Token)).Status == 200)
                {
                    InterlockedMax(ref longestAcceptance, asked.Ticks);
                    if (asked > staleAfter)
                    {
                        Interlocked.Increment(ref acceptedLate);
                    }
                }
            }

            await Task.Delay(PauseOfClient);
        }
    }

    private async Task<(int Status, JsonElement Body)> SendAsync(
        Acknowledged round, Uri origin, HttpMethod method, string path, object? body, string? token = null)
    {
        using var request = new HttpRequestMessage(method, new Uri(origin, path));
        request.Content = body is null ? null : JsonContent.Create(body);
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        try
        {
            using var answer = await http.SendAsync(request);
            var status = (int)answer.StatusCode;
            round.Count(status == 200 ? null : $"{status}");
            return (status, status == 200 ? await answer.Content.ReadFromJsonAsync<JsonElement>() : default);
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException)
        {
            round.Count(exception is OperationCanceledException ? "no answer" : "no connection");
            return (0, default);
        }
    }

    private static Guid SessionOf(string token) =>
        JsonElement.Parse(Base64Url.DecodeFromChars(token.Split('.')[1])).GetProperty("sid").GetGuid();

    private static void InterlockedMax(ref long target, long value)
    {
        long seen;
        while (value > (seen = Interlocked.Read(ref target)) && Interlocked.CompareExchange(ref target, value, seen) != seen)
        {
        }
    }
}
