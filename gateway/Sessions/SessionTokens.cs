using AuthMesh.Revocations;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// The access tokens of the cookies that are in use. However many requests bring the same cookie at once, the identity service is asked
/// once, and not again until the token runs out or something that was revoked touches it. A cookie that opens nothing is not remembered:
/// whoever floods with one has one question asked at a time.
/// </summary>
/// <remarks>
/// In two generations: what is found in the older one moves to the newer, and when that is full, or old, the older one goes as a whole,
/// with all that nobody asked for.
/// </remarks>
internal sealed class SessionTokens(Exchange exchange, RevokedAccess revoked, IOptions<GatewayOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan GenerationTime = TimeSpan.FromMinutes(10); // no token lies here for days after its browser has left

    private readonly int generationSize = options.Value.SessionTokens / 2;
    private readonly Lock gate = new();
    private readonly Dictionary<string, Flight> underWay = [];
    private Dictionary<string, SessionToken> newer = [], older = [];
    private long newerSince = clock.GetTimestamp();

    /// <param name="cookie">Whose token is wanted.</param>
    /// <param name="cancellationToken">Ends the wait of this caller; others wait on.</param>
    public async Task<Exchanged> FindAsync(SessionCookie cookie, CancellationToken cancellationToken)
    {
        for (var isSecondTry = false; ; isSecondTry = true)
        {
            Flight? flight;
            lock (gate)
            {
                if (FindHeld(cookie.Digest) is { } held)
                {
                    return new Exchanged(held);
                }

                if (!underWay.TryGetValue(cookie.Digest, out flight))
                {
                    underWay[cookie.Digest] = flight = new Flight();
                    flight.Answer = RunAsync(cookie, flight);
                }
            }

            // What was revoked while the answer was on its way may have touched it. A password that this very session changed leaves it
            // alive, so it is asked about once more; what is still revoked then, authentication refuses.
            var exchanged = await flight.Answer.WaitAsync(cancellationToken);
            if (isSecondTry || exchanged.Token is not { } token || !IsRevoked(token))
            {
                return exchanged;
            }
        }
    }

    /// <summary>Its session has just been ended, or given another cookie: whoever brings this one again is asked about anew.</summary>
    public void Forget(SessionCookie cookie)
    {
        lock (gate)
        {
            newer.Remove(cookie.Digest);
            older.Remove(cookie.Digest);
            underWay.Remove(cookie.Digest); // who waits for it gets it; it is not kept
        }
    }

    private async Task<Exchanged> RunAsync(SessionCookie cookie, Flight flight)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // not while its first caller holds the gate
        Exchanged exchanged = default;
        try
        {
            return exchanged = await exchange.RunAsync(cookie);
        }
        finally
        {
            lock (gate)
            {
                if (underWay.GetValueOrDefault(cookie.Digest) == flight)
                {
                    underWay.Remove(cookie.Digest);
                    if (exchanged.Token is { } token)
                    {
                        Hold(cookie.Digest, token);
                    }
                }
            }
        }
    }

    private SessionToken? FindHeld(string digest)
    {
        if (!newer.TryGetValue(digest, out var token))
        {
            if (!older.Remove(digest, out token))
            {
                return null;
            }

            Hold(digest, token);
        }

        if (token.UsableUntil > clock.GetUtcNow() && !IsRevoked(token))
        {
            return token;
        }

        newer.Remove(digest);
        return null;
    }

    private void Hold(string digest, SessionToken token)
    {
        if (newer.Count >= generationSize || clock.GetElapsedTime(newerSince) >= GenerationTime)
        {
            older = newer;
            newer = [];
            newerSince = clock.GetTimestamp();
        }

        newer[digest] = token;
    }

    private bool IsRevoked(SessionToken token) => revoked.Covers(token.SessionId, token.UserId, token.Epoch, token.KeyId);

    private sealed class Flight
    {
        public Task<Exchanged> Answer { get; set; } = null!;
    }
}
