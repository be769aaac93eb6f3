using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Terminal;

namespace AuthMesh.Client.SecondFactor;

/// <summary>What the server needs to go on after a right password.</summary>
internal sealed record LoginDemand(string LoginToken);

internal sealed record CodeLogin(string LoginToken, string Code, bool? TrustDevice);

/// <summary>Gives the second factor that the server asks for after the password.</summary>
internal static class FinishLogin
{
    /// <summary>The code of an answer that asks for it.</summary>
    public const string Demand = "second_factor_required";

    private const string Wrong = "wrong_code";

    /// <param name="invocation">Names the server.</param>
    /// <param name="demand">The answer that asks for it.</param>
    /// <param name="code">The code from the command line; null to ask for one at the terminal.</param>
    /// <param name="trustsDevice">Whether the server shall ask for none here for a while.</param>
    /// <param name="cancellation">Ctrl-C.</param>
    /// <returns>The last answer, which may be a refusal.</returns>
    public static async Task<Answer> RunAsync(
        Invocation invocation, Answer demand, string? code, bool trustsDevice, CancellationToken cancellation)
    {
        if (code is null && !Prompt.IsPossible)
        {
            return demand; // its hint says what to do
        }

        var token = demand.Read(ClientJson.Default.LoginDemand).LoginToken;
        while (true)
        {
            var typed = code ?? await CodeInput.AskAsync(cancellation);
            var request = new Request(HttpMethod.Post, CodeInput.IsTotp(typed) ? "/login/totp" : "/login/recovery-code")
                .With(new CodeLogin(token, typed, trustsDevice ? true : null), ClientJson.Default.CodeLogin);
            var answer = await invocation.Connection.SendAsync(request, cancellation);
            if (code is not null || answer.Fields.Code != Wrong) // the server ends the sign-in after the fifth
            {
                return answer;
            }

            invocation.Output.Note($"{answer.Fields.Message}. Try again");
        }
    }
}
