using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;

namespace AuthMesh.Identity.SignIn;

/// <summary>The last step of every sign-in: session, cookies, tokens, answer.</summary>
internal sealed class CompleteSignIn(
    StartSession startSession, IssueTokens issueTokens, SessionCookies cookies, DeviceCookies deviceCookies, SecurityEvents events)
{
    /// <returns>The answer, or null if the account changed after the ticket was made.</returns>
    public async Task<SignInResponse?> RunAsync(SignInTicket ticket, HttpContext context, CancellationToken cancellationToken)
    {
        if (await startSession.RunAsync(ticket.User, context, cancellationToken) is not var (session, cookie))
        {
            events.Write(SecurityEvent.LoginFailed(ticket.User.Id, "the account changed during the sign-in"), context);
            return null;
        }

        events.Write(SecurityEvent.LoginSucceeded(session.UserId, session.Id), context);
        return Answer($"Welcome {session.Username}!", session, cookie, ticket.KnownDevice, context, ticket.Trust);
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
}
