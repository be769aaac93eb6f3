using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.Accounts;

/// <summary>Fresh tokens, as a login, a renewal and a new password bring them.</summary>
internal sealed record LoginAnswer(string Token, int ExpiresIn, string? RefreshToken = null, int? RefreshExpiresIn = null)
{
    public static LoginAnswer From(Answer answer)
    {
        var login = answer.Read(ClientJson.Default.LoginAnswer);
        return BearerToken.IsSendable(login.Token) && (login.RefreshToken is null || BearerToken.IsSendable(login.RefreshToken))
            ? login
            : throw CommandFailure.Unexpected("The server's answer holds no usable token", Answer.WrongServerHint);
    }

    /// <param name="username">Whose tokens these are.</param>
    /// <param name="sentAt">When they were asked for, not when they came, so that we never think they live longer than they do.</param>
    public StoredSession ToSession(string username, DateTimeOffset sentAt) => new(
        username,
        Token,
        sentAt.AddSeconds(ExpiresIn),
        RefreshToken,
        RefreshExpiresIn is { } seconds ? sentAt.AddSeconds(seconds) : null);
}
