using System.Security.Cryptography;
using AuthMesh.Gateway.Sessions;
using AuthMesh.Revocations;
using AuthMesh.Settings;
using AuthMesh.Streams;
using AuthMesh.Tokens;
using Microsoft.Extensions.Options;

namespace AuthMesh.Gateway.Streams;

/// <summary>
/// Lets no stream outlive its token. For a stream by session cookie or key it exchanges that again when the token is about to expire,
/// which also marks the session as used. A stream by bearer token ends when the token does: its client connects again with a new one.
/// </summary>
internal sealed class StreamTokens(
    SessionTokens tokens, RevokedAccess revoked, IOptions<AuthMeshOptions> mesh, TimeProvider clock)
{
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    // The cached token counts as usable up to its very time. Asked a moment later, the cache asks the identity service.
    private static readonly TimeSpan Behind = TimeSpan.FromMilliseconds(50);

    // An emergency rotation distrusts the key of all tokens at once. Without the spread, all cookies would be exchanged at once too.
    private static readonly TimeSpan Spread = TimeSpan.FromSeconds(2);

    // For the identity service's replicas to sign with the new key.
    private static readonly TimeSpan LongestDistrust = TimeSpan.FromSeconds(10);

    /// <returns>What renews the token of a stream by cookie or key; null for a stream by bearer token.</returns>
    public Renewal? For(OpenStream stream, StreamCredential? credential)
    {
        if (credential is null)
        {
            return null;
        }

        var renewal = new Renewal(tokens, revoked, mesh.Value.ClockSkew, clock, stream, credential);
        stream.OnKeyDistrusted = renewal.ReplaceDistrusted;
        return renewal;
    }

    public void Watch(OpenStream stream, VerifiedToken token, Renewal? renewal)
    {
        if (renewal is null)
        {
            stream.EndAt(token.ValidTo + mesh.Value.ClockSkew, StreamEnd.TokenExpired);
        }
        else
        {
            renewal.Begin();
        }
    }

    /// <summary>Renews the token of one stream.</summary>
    internal sealed class Renewal(
        SessionTokens tokens, RevokedAccess revoked, TimeSpan skew, TimeProvider clock, OpenStream stream, StreamCredential credential)
    {
        private DateTimeOffset deadline;

        private DateTimeOffset Now => clock.GetUtcNow();

        public void Begin() => WaitFor(credential.Token);

        private void WaitFor(SessionToken token)
        {
            deadline = token.ExpiresAt + skew;
            var next = token.UsableUntil + Behind;
            stream.RunAt(next < Now + Retry ? Now + Retry : next, Renew); // with a clock that runs ahead, each token would look used up
            if (revoked.Covers(token.SessionId, token.UserId, token.Epoch, token.KeyId))
            {
                ReplaceDistrusted(); // it was distrusted a moment ago, and this call has replaced the timer for that
            }
        }

        public void ReplaceDistrusted()
        {
            deadline = Now + LongestDistrust;
            stream.RunAt(Now + (Spread * RandomNumberGenerator.GetInt32(1_000) / 1_000), Renew);
        }

        private void Renew() => _ = RenewAsync();

        private async Task RenewAsync()
        {
            stream.EndAt(deadline, StreamEnd.TokenExpired); // unless a new token comes before
            var (token, failure) = await tokens.FindAsync(credential.Credential, refuseToAsk: null, CancellationToken.None);
            if (failure?.Status == StatusCodes.Status401Unauthorized || (token is not null && !IsOfStream(token)))
            {
                stream.End(StreamEnd.SessionEnded);
                return;
            }

            if (token is not null)
            {
                stream.KeyId = token.KeyId; // before the check, so that a distrust that comes after it finds the stream
                if (!revoked.Covers(token.SessionId, token.UserId, token.Epoch, token.KeyId))
                {
                    WaitFor(token);
                    return;
                }
            }

            if (Now + Retry < deadline)
            {
                stream.RunAt(Now + Retry, Renew); // the identity service is away, or still signs with the distrusted key
            }
        }

        // With another epoch, the role may be another one. A revocation of the old epoch is on its way.
        private bool IsOfStream(SessionToken token) =>
            token.SessionId == stream.SessionId && token.UserId == stream.UserId && token.Epoch == stream.Epoch;
    }
}
