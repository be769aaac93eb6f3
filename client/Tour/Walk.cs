using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.Tour;

/// <summary>Takes steps one by one. It keeps their tokens in memory, so the user's own sign-in stays untouched.</summary>
internal sealed class Walk(ServerConnection connection)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly Dictionary<string, Purse> purses = [];

    public async Task<StepResult> TakeAsync(Step step, CancellationToken cancellation)
    {
        var start = TimeProvider.System.GetTimestamp();
        var result = await TryAsync(step, cancellation);
        while (!result.IsAsExpected && TimeProvider.System.GetElapsedTime(start) < step.Expected.Within)
        {
            await Task.Delay(Pause, cancellation);
            result = await TryAsync(step, cancellation);
        }

        return result;
    }

    private async Task<StepResult> TryAsync(Step step, CancellationToken cancellation)
    {
        try
        {
            var answer = await connection.SendAsync(RequestFor(step.Request), cancellation);
            var hasNewToken = Keep(step.Request, answer);
            var isAsExpected = step.Expected.IsMetBy(answer) && (hasNewToken || !step.Expected.BringsNewToken);
            var message = answer.Fields.Message ?? "not an AuthMesh answer";
            return new StepResult(step, answer.Status, message, answer.Fields.Code, Expectation.RoleIn(answer), isAsExpected);
        }
        catch (CommandFailure failure)
        {
            return new StepResult(step, HttpStatus: null, failure.Message, failure.Code, Role: null, IsAsExpected: false);
        }
    }

    private Request RequestFor(StepRequest step)
    {
        var request = new Request(new HttpMethod(step.Method), step.Path);
        return step switch
        {
            { Credentials: { } credentials } => request.WithPassword(credentials, ClientJson.Default.Credentials),
            { Bearer: { } bearer } => Carry(request, bearer),
            _ => request,
        };
    }

    private Request Carry(Request request, Bearer bearer)
    {
        purses.TryGetValue(bearer.Username, out var purse);
        return bearer.Carries switch
        {
            Carried.Token => request with { Token = Known(purse?.Token) },
            Carried.ForgedToken => request with { Token = ForgedToken.Promote(Known(purse?.Token)) },
            Carried.Cookie => request with { Cookie = Known(purse?.Cookie) },
            _ => request.With(new RefreshRequest(Known(purse?.RefreshToken)), ClientJson.Default.RefreshRequest),
        };

        string Known(string? value) => value
            ?? throw new CommandFailure(ExitCode.UnexpectedAnswer, "not_run", $"not sent: {bearer} is missing");
    }

    /// <returns>Whether the answer brought a new access token.</returns>
    private bool Keep(StepRequest step, Answer answer)
    {
        if (step.Path is not ("/login" or "/refresh") || !answer.IsSuccess)
        {
            return false;
        }

        var username = step.Credentials?.Username ?? step.Bearer!.Username;
        var login = LoginAnswer.From(answer);
        purses.TryGetValue(username, out var old);
        purses[username] = new Purse(login.Token, login.RefreshToken, answer.SessionCookie ?? old?.Cookie);
        return login.Token != old?.Token;
    }

    private sealed record Purse(string Token, string? RefreshToken, string? Cookie);
}
