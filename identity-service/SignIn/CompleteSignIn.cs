using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;

namespace AuthMesh.Identity.SignIn;

/// <summary>The last step of every sign-in: session, cookies, tokens, answer.</summary>
internal sealed class CompleteSignIn(
    IdentityDb db, StartSession startSession, IssueTokens issueTokens, SessionCookies cookies, DeviceCookies deviceCookies,
    NoticeNewDevice noticeNewDevice, SecurityEvents events)
{
    /// <returns>The answer, or null if the account changed after the ticket was made.</returns>
    public async Task<SignInResponse?> RunAsync(SignInTicket ticket, HttpContext context, CancellationToken cancellationToken) =>
        (await RunAsync(ticket, spend: null, context, cancellationToken)).Answer;

    /// <summary>The same for a proof that counts once: a statement in the session's transaction uses it up.</summary>
    /// <param name="ticket">The account and the proofs.</param>
    /// <param name="spend">Uses the proof up, after the account's row was locked. A failure undoes the session.</param>
    /// <param name="context">The request.</param>
    /// <param name="cancellationToken">Cancels the sign-in.</param>
    /// <returns>The answer; or the failure, which is null if the account changed after the ticket was made.</returns>
    public async Task<(SignInResponse? Answer, Failure? Refusal)> RunAsync(
        SignInTicket ticket, Func<CancellationToken, Task<Failure?>>? spend, HttpContext context, CancellationToken cancellationToken)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await startSession.RunAsync(ticket.User, context, cancellationToken) is not var (session, cookie))
        {
            WriteChanged(ticket, context);
            return (null, null);
        }

        if (spend is not null && await spend(cancellationToken) is { } refusal)
        {
            return (null, refusal);
        }

        await noticeNewDevice.RunAsync(ticket, session, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        return (Welcome(ticket, session, cookie, context), null);
    }

    /// <summary>Sets the cookies and issues the tokens of a session that is new or continues in a new epoch.</summary>
    public SignInResponse Answer(
        string message, LiveSession session, SessionCookie cookie, DeviceCookie? knownDevice, HttpContext context,
        DeviceTrust? trust = null)
    {
        cookies.Set(context.Response, cookie);
        deviceCookies.Set(context.Response, session.UserId, session.Epoch, knownDevice, trust);
        return issueTokens.ForNew(message, session);
    }

    private SignInResponse Welcome(SignInTicket ticket, LiveSession session, SessionCookie cookie, HttpContext context)
    {
        events.Write(SecurityEvent.LoginSucceeded(session.UserId, session.Id), context);
        return Answer($"Welcome {session.Username}!", session, cookie, ticket.KnownDevice, context, ticket.Trust);
    }

    private void WriteChanged(SignInTicket ticket, HttpContext context) =>
        events.Write(SecurityEvent.LoginFailed(ticket.User.Id, "the account changed during the sign-in"), context);
}
