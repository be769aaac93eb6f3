using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Guarded;

internal sealed record Reauthentication(string Password);

/// <summary>
/// Asks for the password again when the server demands a recent proof of who the caller is, so that the command goes on without a new
/// sign-in.
/// </summary>
internal static class ConfirmIdentity
{
    /// <summary>The code of an answer that demands it.</summary>
    public const string Demand = "insufficient_user_authentication";

    public static Task<string> AskAsync(StoredSession session, CancellationToken cancellation) => Prompt.AskHiddenAsync(
        $"This needs a fresh confirmation that it is you. Password of {SafeText.Escape(session.Username)}: ", cancellation);

    /// <returns>The session with a token that holds the proof.</returns>
    public static async Task<StoredSession> RunAsync(
        Invocation invocation, HeldSessions held, string username, string password, CancellationToken cancellation)
    {
        var session = held.Require(invocation.Server, username); // another client may have renewed it
        var sentAt = TimeProvider.System.GetUtcNow();
        var request = new Request(HttpMethod.Post, "/account/reauthenticate")
            .WithPassword(new Reauthentication(password), ClientJson.Default.Reauthentication);
        var answer = await invocation.Connection.SendAsync(request with { Token = session.Token }, cancellation);
        var confirmed = LoginAnswer.From(invocation.Accepted(answer, username));
        session = session with { Token = confirmed.Token, ExpiresAt = sentAt.AddSeconds(confirmed.ExpiresIn) };
        held.Remember(invocation.Server, session);
        return session;
    }
}
