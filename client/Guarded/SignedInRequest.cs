using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.Guarded;

/// <summary>Sends a request with the token from the invocation's server, and with a new token if that is no longer valid.</summary>
internal static class SignedInRequest
{
    public static Task<Answer> SendAsync(Invocation invocation, Request request, CancellationToken cancellation)
    {
        return SendAsync(invocation, request, RenewAsync, ConfirmAsync, cancellation);

        async Task<StoredSession> RenewAsync(StoredSession outworn)
        {
            using var held = await invocation.Sessions.HoldAsync(cancellation);
            return await Renewal.RenewAsync(invocation, held, outworn);
        }

        async Task<StoredSession> ConfirmAsync(StoredSession session, Answer demand, bool isFirst)
        {
            var proofs = await ConfirmIdentity.AskAsync(session, demand, isFirst, cancellation); // others go on while a person types
            using var held = await invocation.Sessions.HoldAsync(cancellation);
            return await ConfirmIdentity.RunAsync(invocation, held, session.Username, proofs, cancellation);
        }
    }

    /// <summary>
    /// For a command that stores the result of the request: it holds the file, so that no other client renews in between.
    /// </summary>
    public static Task<Answer> SendAsync(Invocation invocation, HeldSessions held, Request request, CancellationToken cancellation) =>
        SendAsync(
            invocation, request, outworn => Renewal.RenewAsync(invocation, held, outworn),
            async (session, demand, isFirst) => await ConfirmIdentity.RunAsync(
                invocation, held, session.Username, await ConfirmIdentity.AskAsync(session, demand, isFirst, cancellation), cancellation),
            cancellation);

    /// <summary>Runs a command that shows the answer of one path.</summary>
    public static async Task<int> ShowAsync(Invocation invocation, string path, CancellationToken cancellation)
    {
        invocation.Output.Answer(await SendAsync(invocation, Request.Get(path), cancellation));
        return ExitCode.Ok;
    }

    private static async Task<Answer> SendAsync(
        Invocation invocation, Request request, Func<StoredSession, Task<StoredSession>> renew,
        Func<StoredSession, Answer, bool, Task<StoredSession>> confirm, CancellationToken cancellation)
    {
        var session = invocation.Sessions.Require(invocation.Server);
        invocation.WarnIfOthersCanListen();
        try
        {
            if (session.RefreshToken is not null && Renewal.IsDue(session))
            {
                session = await renew(session);
            }

            var answer = await invocation.Connection.SendAsync(request with { Token = session.Token }, cancellation);
            if (session.RefreshToken is not null && answer is { Status: 401, Fields.Code: "invalid_token" })
            {
                // The server's clock differs from ours, or the token was revoked while the session goes on: a changed role, a distrusted
                // key.
                session = await renew(session);
                answer = await invocation.Connection.SendAsync(request with { Token = session.Token }, cancellation);
            }

            // An old token is told its age first, and that the account demands two factors only afterwards.
            foreach (var isFirst in (bool[])[true, false])
            {
                if (ConfirmIdentity.IsDemandedBy(answer) && (isFirst || answer.DemandsTwoFactors) && Prompt.IsPossible)
                {
                    session = await confirm(session, answer, isFirst);
                    answer = await invocation.Connection.SendAsync(request with { Token = session.Token }, cancellation);
                }
            }

            return invocation.Accepted(answer, session);
        }
        catch (CommandFailure refusal)
            when (refusal is { ExitCode: ExitCode.NotSignedIn, Answer: not null, Code: not ConfirmIdentity.Demand })
        {
            throw refusal.With(detail: WhatBecameOf(session));
        }
    }

    private static string WhatBecameOf(StoredSession session) => session.EndsAt <= TimeProvider.System.GetUtcNow()
        ? $"the sign-in of {session.Username} expired at {ShownTime.Of(session.EndsAt)}"
        : $"the sign-in of {session.Username} would last until {ShownTime.Of(session.EndsAt)}, but the server no longer accepts it";
}
