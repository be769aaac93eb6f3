using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.Guarded;

/// <summary>A request with the token that the invocation's server gave at login.</summary>
internal static class SignedInRequest
{
    public static async Task<Answer> GetAsync(Invocation invocation, string path, CancellationToken cancellation)
    {
        var session = invocation.Sessions.Require(invocation.Server);
        invocation.WarnIfOthersCanListen();

        var answer = await invocation.Connection.SendAsync(Request.Get(path) with { Token = session.Token }, cancellation);
        try
        {
            return invocation.Accepted(answer, session.Username);
        }
        catch (CommandFailure refusal) when (refusal.ExitCode == ExitCode.NotSignedIn)
        {
            throw refusal.With(detail: WhatBecameOf(session));
        }
    }

    /// <summary>The whole of a command that shows what stands behind one path.</summary>
    public static async Task<int> ShowAsync(Invocation invocation, string path, CancellationToken cancellation)
    {
        invocation.Output.Answer(await GetAsync(invocation, path, cancellation));
        return ExitCode.Ok;
    }

    private static string WhatBecameOf(StoredSession session) => session.ExpiresAt <= TimeProvider.System.GetUtcNow()
        ? $"the sign-in of {session.Username} expired at {session.ShownExpiry}"
        : $"the sign-in of {session.Username} would last until {session.ShownExpiry}, but the server no longer accepts it";
}
