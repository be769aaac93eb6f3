using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Tour;

/// <summary>Takes steps one by one. The tokens it meets stay here: the user's own sign-in is not touched.</summary>
internal sealed class Walk(ServerConnection connection)
{
    private readonly Dictionary<string, string> tokens = [];

    public async Task<StepResult> TakeAsync(Step step, CancellationToken cancellation)
    {
        try
        {
            var answer = await SendAsync(step.Request, cancellation);
            if (step.Request is { Path: "/login", Credentials: { } credentials } && answer.IsSuccess)
            {
                tokens[credentials.Username] = LoginAnswer.From(answer).Token;
            }

            var message = answer.Fields.Message ?? "an answer that is none of AuthMesh's";
            return new StepResult(
                step, answer.Status, message, answer.Fields.Code, Expectation.RoleIn(answer), step.Expected.IsMetBy(answer));
        }
        catch (CommandFailure failure)
        {
            return new StepResult(step, HttpStatus: null, failure.Message, failure.Code, Role: null, IsAsExpected: false);
        }
    }

    private Task<Answer> SendAsync(StepRequest request, CancellationToken cancellation) => request.Credentials is { } credentials
        ? connection.SendAsync(Request.Post(request.Path, credentials, ClientJson.Default.Credentials), cancellation)
        : connection.SendAsync(Request.Get(request.Path) with { Token = TokenFor(request.Bearer) }, cancellation);

    private string? TokenFor(Bearer? bearer)
    {
        if (bearer is null)
        {
            return null;
        }

        if (!tokens.TryGetValue(bearer.Username, out var token))
        {
            throw new CommandFailure(ExitCode.UnexpectedAnswer, "not_run", $"not sent: there is no token of {bearer.Username}");
        }

        return bearer.IsForged ? ForgedToken.Promote(token) : token;
    }
}
