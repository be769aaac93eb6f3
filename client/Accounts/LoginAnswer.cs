using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.Accounts;

/// <summary>The new tokens that a login, a renewal or a password change returns.</summary>
internal sealed record LoginAnswer(string Token, int ExpiresIn, string? RefreshToken = null, int? RefreshExpiresIn = null)
{
    public static LoginAnswer From(Answer answer)
    {
        var login = answer.Read(ClientJson.Default.LoginAnswer);
        return BearerToken.IsSendable(login.Token) && (login.RefreshToken is null || BearerToken.IsSendable(login.RefreshToken))
            ? login
            : throw CommandFailure.Unexpected("The server's answer holds no usable token", Answer.WrongServerHint);
    }

    /// <param name="username">The user whose tokens these are.</param>
    /// <param name="sentAt">
    /// When the request was sent, not when the answer came, so that the client never overestimates their lifetime.
    /// </param>
    public StoredSession ToSession(string username, DateTimeOffset sentAt) => new(
        username,
        Token,
        sentAt.AddSeconds(ExpiresIn),
        RefreshToken,
        RefreshExpiresIn is { } seconds ? sentAt.AddSeconds(seconds) : null);
}
