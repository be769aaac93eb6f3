using AuthMesh.Client.Accounts;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.SecondFactor;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.Tour;

/// <summary>Takes steps one by one. It keeps their tokens in memory, so the user's own sign-in stays untouched.</summary>
internal sealed class Walk(ServerConnection connection) : IDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>The message of a step whose stream was cut.</summary>
    public const string StreamIsCut = "The mesh has cut the stream";

    private readonly Dictionary<string, Purse> purses = [];
    private LiveStream? stream;

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

    public void Dispose() => stream?.Dispose();

    private async Task<StepResult> TryAsync(Step step, CancellationToken cancellation)
    {
        try
        {
            switch (step.Request.Stream)
            {
                case StreamPart.Open:
                    return await OpenAsync(step, cancellation);
                case StreamPart.End:
                    return await AwaitEndAsync(step, cancellation);
            }

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

    private async Task<StepResult> OpenAsync(Step step, CancellationToken cancellation)
    {
        var request = RequestFor(step.Request);
        var response = await connection.OpenAsync(request, cancellation);
        var status = (int)response.StatusCode;
        stream = null;
        try
        {
            stream = await LiveStream.OpenAsync(response, request.Patience, cancellation);
            var isAsExpected = status == step.Expected.Status && stream?.FirstEvent == step.Expected.Message;
            var text = stream?.FirstEvent ?? "no event stream, or one that broke off";
            return new StepResult(step, status, text, Code: null, Role: null, isAsExpected);
        }
        catch (TimeoutException)
        {
            return new StepResult(step, status, "no event came", Code: null, Role: null, IsAsExpected: false);
        }
        finally
        {
            if (stream is null)
            {
                response.Dispose();
            }
        }
    }

    private async Task<StepResult> AwaitEndAsync(Step step, CancellationToken cancellation)
    {
        var isCut = stream is not null && await stream.IsCutAsync(step.Expected.Within, cancellation);
        return new StepResult(
            step, step.Expected.Status, isCut ? StreamIsCut : stream is null ? "no stream is open" : "the stream is still open", Code: null,
            Role: null, isCut);
    }

    private Request RequestFor(StepRequest step)
    {
        var request = new Request(new HttpMethod(step.Method), step.Path);
        return step switch
        {
            { Credentials: { } credentials } => request.WithPassword(credentials, ClientJson.Default.Credentials),
            { Bearer: { } bearer } => Carry(request, bearer, step.Code),
            _ => request,
        };
    }

    private Request Carry(Request request, Bearer bearer, TypedCode? code)
    {
        purses.TryGetValue(bearer.Username, out var purse);
        return bearer.Carries switch
        {
            Carried.LoginToken => request.With(
                new CodeLogin(Known(purse?.LoginToken), Known(purse?.Find(code)), TrustDevice: null), ClientJson.Default.CodeLogin),
            Carried.Token when code is not null =>
                request.With(new TotpConfirmation(Known(purse?.Find(code))), ClientJson.Default.TotpConfirmation) with
                {
                    Token = Known(purse?.Token),
                },
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
        var username = step.Credentials?.Username ?? step.Bearer?.Username;
        var old = username is null ? null : purses.GetValueOrDefault(username);
        if (old is not null && answer.Fields.Code == FinishLogin.Demand)
        {
            purses[username!] = old with { LoginToken = answer.Read(ClientJson.Default.LoginDemand).LoginToken };
        }

        if (!answer.IsSuccess)
        {
            return false;
        }

        switch (step.Path)
        {
            case "/account/totp" when step.Method == "POST":
                purses[username!] = old! with { App = new AuthenticatorApp(answer.Read(ClientJson.Default.TotpSetup).Secret) };
                return false;
            case "/account/totp/confirm":
                var codes = answer.Read(ClientJson.Default.RecoveryCodesAnswer).RecoveryCodes;
                purses[username!] = old! with { Token = LoginAnswer.From(answer).Token, RecoveryCode = codes?[0] };
                return true;
            case "/login" or "/refresh" or "/login/totp" or "/login/recovery-code":
                var login = LoginAnswer.From(answer);
                purses[username!] = (old ?? new Purse(login.Token)) with
                {
                    Token = login.Token,
                    RefreshToken = login.RefreshToken,
                    Cookie = answer.SessionCookie ?? old?.Cookie,
                };
                return login.Token != old?.Token;
            default:
                return false;
        }
    }

    private sealed record Purse(
        string Token, string? RefreshToken = null, string? Cookie = null, string? LoginToken = null, AuthenticatorApp? App = null,
        string? RecoveryCode = null)
    {
        public string? Find(TypedCode? code) => code switch
        {
            TypedCode.Recovery => RecoveryCode,
            TypedCode.Wrong => App?.WrongCode(),
            _ => App?.NextCode(),
        };
    }
}
