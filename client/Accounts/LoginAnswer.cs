using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Accounts;

internal sealed record LoginAnswer(string Token, int ExpiresIn)
{
    public static LoginAnswer From(Answer answer)
    {
        var login = answer.Read(ClientJson.Default.LoginAnswer);
        return BearerToken.IsSendable(login.Token)
            ? login
            : throw CommandFailure.Unexpected("The answer to the login holds no usable token", Answer.WrongServerHint);
    }
}
