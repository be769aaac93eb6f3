using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;

namespace AuthMesh.Bench.Faults;

/// <summary>What the mesh has acknowledged during a load, and whether it still holds.</summary>
internal sealed class Ledger
{
    public const string FirstPassword = "a password for a fault", NextPassword = "another password for a fault";

    // Without the feed, a verifier of this mesh judges tokens for 5 s. Each logout must have arrived by then, or no token passes.
    private static readonly TimeSpan Promise = TimeSpan.FromSeconds(6);

    private readonly ConcurrentBag<string> registered = [], changed = [];
    private readonly ConcurrentBag<(string Token, long At)> ended = [];
    private readonly Lock gate = new();
    private int next;

    /// <summary>How often an ended token was accepted later than the promise allows.</summary>
    public int AcceptedTooLate { get; private set; }

    /// <summary>The longest time after an acknowledged logout at which the token was still accepted.</summary>
    public TimeSpan LongestAccepted { get; private set; }

    public int Acknowledged => registered.Count + changed.Count + ended.Count;

    public static string NewName() => $"fault-{Guid.NewGuid():N}";

    public static async Task<(string Name, string Password)> NewAccountAsync(HttpClient gateway)
    {
        var name = NewName();
        using var answer = await gateway.PostAsJsonAsync("/register", new { username = name, password = FirstPassword });
        answer.EnsureSuccessStatusCode();
        return (name, FirstPassword);
    }

    public void Registered(string name) => registered.Add(name);

    public void Changed(string name) => changed.Add(name);

    public void Ended(string token) => ended.Add((token, Stopwatch.GetTimestamp()));

    /// <summary>Asks with one of the ended tokens, the newest more often than the others.</summary>
    public async Task AskWithEndedTokenAsync(HttpClient gateway)
    {
        var known = ended.ToArray(); // newest first
        if (known.Length == 0)
        {
            return;
        }

        var turn = Interlocked.Increment(ref next);
        var (token, at) = known[turn % 2 == 0 ? 0 : turn % known.Length];
        var age = Stopwatch.GetElapsedTime(at); // when the request is sent
        if (await AskAsync(gateway, token) == HttpStatusCode.OK)
        {
            lock (gate)
            {
                LongestAccepted = age > LongestAccepted ? age : LongestAccepted;
                AcceptedTooLate += age > Promise ? 1 : 0;
            }
        }
    }

    /// <summary>Asks for everything that was acknowledged. Call it after the repair.</summary>
    /// <returns>How many acknowledged writes are lost, and how many ended tokens the mesh accepts.</returns>
    public async Task<(int Lost, int Accepted)> ReviewAsync(Uri gateway)
    {
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false, UseProxy = false }) { BaseAddress = gateway };
        var (lost, accepted) = (0, 0);
        await Parallel.ForEachAsync(registered, async (name, _) => Count(await CanSignInAsync(http, name, FirstPassword), ref lost));
        await Parallel.ForEachAsync(changed, async (name, _) => Count(
            await CanSignInAsync(http, name, NextPassword) && !await CanSignInAsync(http, name, FirstPassword), ref lost));
        await Parallel.ForEachAsync(ended, async (session, _) => Count(
            await AskAsync(http, session.Token) == HttpStatusCode.Unauthorized, ref accepted));
        return (lost, accepted);
    }

    private static void Count(bool holds, ref int missing)
    {
        if (!holds)
        {
            Interlocked.Increment(ref missing);
        }
    }

    private static async Task<bool> CanSignInAsync(HttpClient gateway, string username, string password)
    {
        using var answer = await gateway.PostAsJsonAsync("/login", new { username, password });
        return answer.StatusCode switch
        {
            HttpStatusCode.OK => true,
            HttpStatusCode.Unauthorized => false,
            var other => throw new InvalidOperationException($"After the repair, a login was answered with {(int)other}."),
        };
    }

    private static async Task<HttpStatusCode?> AskAsync(HttpClient gateway, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/protected") { Headers = { Authorization = new("Bearer", token) } };
        try
        {
            using var answer = await gateway.SendAsync(request);
            return answer.StatusCode;
        }
        catch (Exception exception) when (exception is HttpRequestException or SocketException or OperationCanceledException)
        {
            return null;
        }
    }
}
