using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Sessions;

internal sealed record RefreshRequest(string RefreshToken);

/// <summary>Trades the refresh token for fresh tokens, so that nobody signs in again every half hour.</summary>
internal static class Renewal
{
    // Long enough for the request that follows, also where this machine's clock is a little behind.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    public static bool IsDue(StoredSession session) => session.ExpiresAt <= TimeProvider.System.GetUtcNow() + Margin;

    /// <param name="invocation">Names the server.</param>
    /// <param name="held">Held from before the question until the answer is stored, so that one client trades each refresh token.</param>
    /// <param name="outworn">The session whose access token has expired or was refused.</param>
    public static async Task<StoredSession> RenewAsync(Invocation invocation, HeldSessions held, StoredSession outworn)
    {
        var current = held.Require(invocation.Server, outworn.Username);
        if (current.Token != outworn.Token || current.RefreshToken is null)
        {
            return current; // another client was quicker
        }

        var sentAt = TimeProvider.System.GetUtcNow();
        var request = new Request(HttpMethod.Post, "/refresh")
            .With(new RefreshRequest(current.RefreshToken), ClientJson.Default.RefreshRequest);
        var answer = invocation.Accepted(await SendAsync(invocation, request), current.Username);
        var session = LoginAnswer.From(answer).ToSession(current.Username, sentAt);
        held.Remember(invocation.Server, session);
        return session;
    }

    // A lost answer is asked for again at once: for half a minute the server gives the same successor, and after that it takes the
    // old token for a stolen one and ends the session. Not stopped by Ctrl-C for the same reason. Accepted weakness: a client that
    // is killed here, or finds the disk full, costs a login where no other one follows within that time.
    private static async Task<Answer> SendAsync(Invocation invocation, Request request)
    {
        try
        {
            return await invocation.Connection.SendAsync(request, CancellationToken.None);
        }
        catch (CommandFailure noAnswer) when (noAnswer.ExitCode == ExitCode.Unavailable)
        {
            return await invocation.Connection.SendAsync(request, CancellationToken.None);
        }
    }
}
