using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Sessions;

internal sealed record RefreshRequest(string RefreshToken);

/// <summary>Exchanges the refresh token for new tokens, so that nobody has to sign in again every half hour.</summary>
internal static class Renewal
{
    // Long enough for the request that follows, even if this machine's clock is a little behind.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

    public static bool IsDue(StoredSession session) => session.ExpiresAt <= TimeProvider.System.GetUtcNow() + Margin;

    /// <param name="invocation">Names the server.</param>
    /// <param name="held">Held from before the request until the answer is stored, so that only one client uses each refresh token.</param>
    /// <param name="outworn">The session whose access token has expired or was refused.</param>
    public static async Task<StoredSession> RenewAsync(Invocation invocation, HeldSessions held, StoredSession outworn)
    {
        var current = held.Require(invocation.Server, outworn.Username);
        if (current.Token != outworn.Token || current.RefreshToken is null)
        {
            return current; // another client renewed it first
        }

        var sentAt = TimeProvider.System.GetUtcNow();
        var request = new Request(HttpMethod.Post, "/refresh")
            .With(new RefreshRequest(current.RefreshToken), ClientJson.Default.RefreshRequest);
        var answer = invocation.Accepted(await SendAsync(invocation, request), current.Username);
        var session = LoginAnswer.From(answer).ToSession(current.Username, sentAt);
        held.Remember(invocation.Server, session);
        return session;
    }

    // Repeats the request at once if its answer is lost. For half a minute the server gives the same successor. After that it takes the old
    // token for a stolen one and ends the session. Ctrl-C does not stop the renewal, for the same reason. Accepted weakness: if the client
    // is killed here or the disk is full, and no other client renews within that time, the user must sign in again.
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
