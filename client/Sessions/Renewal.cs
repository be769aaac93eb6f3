using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.WebSignIn;

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

        var session = current.ClientId is { } clientId
            ? await RenewAsync(invocation, current, current.RefreshToken, clientId)
            : await RenewAsync(invocation, current, current.RefreshToken);
        held.Remember(invocation.Server, session);
        return session;
    }

    private static async Task<StoredSession> RenewAsync(Invocation invocation, StoredSession current, string refreshToken)
    {
        var sentAt = TimeProvider.System.GetUtcNow();
        var request = new Request(HttpMethod.Post, "/refresh")
            .With(new RefreshRequest(refreshToken), ClientJson.Default.RefreshRequest);
        var answer = invocation.Accepted(await SendAsync(invocation, request), current);
        return LoginAnswer.From(answer).ToSession(current.Username, sentAt);
    }

    // After a sign-in by a browser, the tokens are an application's (RFC 6749 §6).
    private static async Task<StoredSession> RenewAsync(
        Invocation invocation, StoredSession current, string refreshToken, string clientId)
    {
        var sentAt = TimeProvider.System.GetUtcNow();
        var answer = await SendAsync(invocation, ProtocolCall.RequestFor(
            ProtocolCall.Token, clientId, ("grant_type", "refresh_token"), ("refresh_token", refreshToken)));
        if (answer.Fields.Code is "invalid_grant" or "invalid_client")
        {
            throw new CommandFailure(
                ExitCode.NotSignedIn, answer.Fields.Code, "The sign-in by a browser has ended",
                $"sign in again: authmesh login {current.LoginArguments}")
            {
                Answer = answer.Body,
            };
        }

        return TokenAnswer.From(answer is { Status: 200, Body: not null } ? answer : invocation.Accepted(answer, current))
            .ToSession(current.Username, clientId, sentAt);
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
