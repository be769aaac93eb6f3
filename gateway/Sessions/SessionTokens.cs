using AuthMesh.Errors;
using AuthMesh.Revocations;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway.Sessions;

/// <summary>
/// Caches the access tokens of session cookies and keys. For any number of simultaneous requests with one of them, it asks the identity
/// service once, and again only after the token expires or is revoked. It does not cache a refusal: a flood with one invalid cookie or key
/// causes one exchange at a time.
/// </summary>
internal sealed class SessionTokens(
    ExchangeClient exchange, WantedAudiences audiences, RevokedAccess revoked, SessionMetrics metrics, IOptions<GatewayOptions> options,
    TimeProvider clock)
{
    private readonly TwoGenerationCache<HeldToken, SessionToken> held = new(options.Value.SessionTokens, clock);
    private readonly Dictionary<HeldToken, Flight> underWay = [];
    private readonly Lock gate = new(); // guards underWay, and the step from underWay to held

    /// <param name="credential">The cookie or key whose token is wanted.</param>
    /// <param name="refuseToAsk">Runs before the identity service is asked; its failure is then the answer. Null asks anyway.</param>
    /// <param name="cancellationToken">Ends the wait of this caller; other callers continue to wait.</param>
    public ValueTask<Exchanged> FindAsync(Credential credential, Func<Failure?>? refuseToAsk, CancellationToken cancellationToken)
    {
        if (FindHeld(credential) is not { } token)
        {
            return new(AskAsync(credential, refuseToAsk, cancellationToken));
        }

        metrics.CountRemembered(credential);
        return ValueTask.FromResult(new Exchanged(token));
    }

    /// <summary>Finds a usable cached token. An expired or revoked one stays until it is replaced or evicted.</summary>
    public SessionToken? FindHeld(HeldToken key) =>
        held.Find(key) is { } token && token.UsableUntil > clock.GetUtcNow() && !IsRevoked(token) ? token : null;

    /// <summary>
    /// Finds a token that has most of its life before it, for a stream. While the identity service is away, a cached token serves longer.
    /// </summary>
    public async ValueTask<Exchanged> FindFreshAsync(
        Credential credential, Func<Failure?>? refuseToAsk, CancellationToken cancellationToken)
    {
        if (FindHeld(credential) is not { } old || old.FreshUntil > clock.GetUtcNow())
        {
            return await FindAsync(credential, refuseToAsk, cancellationToken);
        }

        var exchanged = await AskAsync(credential, refuseToAsk, cancellationToken, instead: old);
        return exchanged.Failure?.Status is StatusCodes.Status503ServiceUnavailable or StatusCodes.Status429TooManyRequests
            ? new Exchanged(old) : exchanged;
    }

    /// <summary>
    /// Forgets a cookie whose session has just ended or got another cookie, for every audience. The next request with it triggers a new
    /// exchange.
    /// </summary>
    public void Forget(Credential credential)
    {
        HeldToken[] keys = [.. audiences.Further.Prepend<string?>(null).Select(audience => credential.Held with { Audience = audience })];
        lock (gate)
        {
            foreach (var key in keys)
            {
                held.Remove(key);
                underWay.Remove(key); // current waiters still get the answer, but it is not cached
            }
        }
    }

    /// <param name="credential">The cookie or key.</param>
    /// <param name="refuseToAsk">Runs before the identity service is asked.</param>
    /// <param name="cancellationToken">Ends the wait of this caller.</param>
    /// <param name="instead">A cached token that does not do.</param>
    private async Task<Exchanged> AskAsync(
        Credential credential, Func<Failure?>? refuseToAsk, CancellationToken cancellationToken, SessionToken? instead = null)
    {
        for (var isSecondTry = false; ; isSecondTry = true)
        {
            Flight? flight;
            lock (gate)
            {
                if (FindHeld(credential) is { } token && token != instead)
                {
                    return new Exchanged(token); // it has just arrived
                }

                if (!underWay.TryGetValue(credential.Held, out flight))
                {
                    if (refuseToAsk?.Invoke() is { } refusal)
                    {
                        return new Exchanged(null, refusal);
                    }

                    underWay[credential.Held] = flight = new Flight();
                    flight.Answer = RunAsync(credential, flight);
                }
            }

            // A revocation during the exchange may cover the token. After a password change by this very session, the session is still
            // live, so the gateway asks once more. A key stays live, too, after its owner's password change. If the second token is
            // revoked too, authentication refuses it.
            var exchanged = await flight.Answer.WaitAsync(cancellationToken);
            if (isSecondTry || exchanged.Token is not { } answer || !IsRevoked(answer))
            {
                return exchanged;
            }
        }
    }

    private async Task<Exchanged> RunAsync(Credential credential, Flight flight)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding); // the first caller still holds the gate
        Exchanged exchanged = default;
        try
        {
            exchanged = await exchange.RunAsync(credential);
            metrics.Count(credential, exchanged);
            return exchanged;
        }
        finally
        {
            lock (gate)
            {
                if (underWay.GetValueOrDefault(credential.Held) == flight)
                {
                    underWay.Remove(credential.Held);
                    if (exchanged.Token is { } token)
                    {
                        held.Add(credential.Held, token);
                    }
                }
            }
        }
    }

    private SessionToken? FindHeld(Credential credential) => FindHeld(credential.Held);

    private bool IsRevoked(SessionToken token) => revoked.Covers(token.SessionId, token.UserId, token.Epoch, token.KeyId);

    private sealed class Flight
    {
        public Task<Exchanged> Answer { get; set; } = null!;
    }
}
