using AuthMesh.Revocations;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// The access tokens of the cookies that are in use. However many requests bring the same cookie at once, the identity service is asked
/// once, and not again until the token runs out or something that was revoked touches it. A cookie that opens nothing is not remembered:
/// whoever floods with one has one question asked at a time.
/// </summary>
internal sealed class SessionTokens(Exchange exchange, RevokedAccess revoked, IOptions<GatewayOptions> options, TimeProvider clock)
{
    private readonly TwoGenerationCache<TokenDigest, SessionToken> held = new(options.Value.SessionTokens, clock);
    private readonly Dictionary<TokenDigest, Flight> underWay = [];
    private readonly Lock gate = new(); // for what is under way, and for how it comes to be held

    /// <param name="cookie">Whose token is wanted.</param>
    /// <param name="cancellationToken">Ends the wait of this caller; others wait on.</param>
    public ValueTask<Exchanged> FindAsync(SessionCookie cookie, CancellationToken cancellationToken) =>
        FindHeld(cookie) is { } token ? ValueTask.FromResult(new Exchanged(token)) : new(AskAsync(cookie, cancellationToken));

    /// <summary>Its session has just been ended, or given another cookie: whoever brings this one again is asked about anew.</summary>
    public void Forget(SessionCookie cookie)
    {
        lock (gate)
        {
            held.Remove(cookie.Digest);
            underWay.Remove(cookie.Digest); // who waits for it gets it; it is not kept
        }
    }

    private async Task<Exchanged> AskAsync(SessionCookie cookie, CancellationToken cancellationToken)
    {
        for (var isSecondTry = false; ; isSecondTry = true)
        {
            Flight? flight;
            lock (gate)
            {
                if (FindHeld(cookie) is { } token)
                {
                    return new Exchanged(token); // it has just arrived
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
            if (isSecondTry || exchanged.Token is not { } answer || !IsRevoked(answer))
            {
                return exchanged;
            }
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
                        held.Add(cookie.Digest, token);
                    }
                }
            }
        }
    }

    /// <summary>One that has run out, or that was revoked, stays until another takes its place, or its time is over.</summary>
    private SessionToken? FindHeld(SessionCookie cookie) =>
        held.Find(cookie.Digest) is { } token && token.UsableUntil > clock.GetUtcNow() && !IsRevoked(token) ? token : null;

    private bool IsRevoked(SessionToken token) => revoked.Covers(token.SessionId, token.UserId, token.Epoch, token.KeyId);

    private sealed class Flight
    {
        public Task<Exchanged> Answer { get; set; } = null!;
    }
}
