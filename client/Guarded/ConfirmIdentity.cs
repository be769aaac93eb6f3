using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.SecondFactor;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Guarded;

internal sealed record Reauthentication(string? Password = null, string? Totp = null, string? RecoveryCode = null);

/// <summary>
/// Asks for the password again when the server demands a recent proof of who the caller is, and for a code if it demands two factors, so
/// that the command goes on without a new sign-in.
/// </summary>
internal static class ConfirmIdentity
{
    /// <summary>The code of an answer that demands it.</summary>
    public const string Demand = "insufficient_user_authentication";

    public static bool IsDemandedBy(Answer answer) => answer is { Status: 401, Fields.Code: Demand };

    /// <param name="session">Whose password it is.</param>
    /// <param name="demand">The answer that demands it.</param>
    /// <param name="isFirst">Whether the password has yet to be asked for.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    public static async Task<Proofs> AskAsync(StoredSession session, Answer demand, bool isFirst, CancellationToken cancellation)
    {
        var question = $"This needs a fresh confirmation that it is you. Password of {SafeText.Escape(session.Username)}: ";
        var password = isFirst ? await Prompt.AskHiddenAsync(question, cancellation) : null;
        return new Proofs(password, demand.DemandsTwoFactors ? await CodeInput.AskAsync(cancellation) : null);
    }

    /// <returns>The session with a token that holds the proof.</returns>
    public static async Task<StoredSession> RunAsync(
        Invocation invocation, HeldSessions held, string username, Proofs proofs, CancellationToken cancellation)
    {
        var session = held.Require(invocation.Server, username);
        if (proofs.Password is { } password)
        {
            session = await ProveAsync(invocation, held, username, new Reauthentication(Password: password), cancellation);
        }

        if (proofs.Code is { } code)
        {
            var proof = CodeInput.IsTotp(code) ? new Reauthentication(Totp: code) : new Reauthentication(RecoveryCode: code);
            session = await ProveAsync(invocation, held, username, proof, cancellation);
        }

        return session;
    }

    private static async Task<StoredSession> ProveAsync(
        Invocation invocation, HeldSessions held, string username, Reauthentication proof, CancellationToken cancellation)
    {
        var session = held.Require(invocation.Server, username); // another client may have renewed it
        var sentAt = TimeProvider.System.GetUtcNow();
        var request = new Request(HttpMethod.Post, "/account/reauthenticate")
            .WithPassword(proof, ClientJson.Default.Reauthentication);
        var answer = await invocation.Connection.SendAsync(request with { Token = session.Token }, cancellation);
        var confirmed = LoginAnswer.From(invocation.Accepted(answer, session));
        session = session with { Token = confirmed.Token, ExpiresAt = sentAt.AddSeconds(confirmed.ExpiresIn) };
        held.Remember(invocation.Server, session);
        return session;
    }
}

/// <param name="Password">The password; null if it was proved a moment before.</param>
/// <param name="Code">A code of an app, or a recovery code; null unless the server demands two factors.</param>
internal sealed record Proofs(string? Password, string? Code);
