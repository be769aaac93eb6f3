using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Server;

/// <summary>Maps an answer that is not a success to an exit code and a hint.</summary>
internal static class Refusal
{
    /// <param name="answer">The answer.</param>
    /// <param name="account">The account, as it follows "authmesh login" in a hint.</param>
    /// <param name="ownHint">What the command itself knows about the refusal.</param>
    public static CommandFailure From(Answer answer, string account, string? ownHint = null)
    {
        if (answer.Status is 429 or 502 or 503 or 504)
        {
            return Build(answer, ExitCode.Unavailable, "unavailable", TryAgain(answer.RetryAfter));
        }

        if (answer.RedirectsTo is { } target)
        {
            return CommandFailure.Unexpected(
                $"The server redirects to {target}; the client does not follow, because it would send a password or token there",
                "if you trust that address, name it with --server");
        }

        if (answer.Fields is not { Status: "error", Message: not null } || answer.Status < 400)
        {
            return Build(answer, ExitCode.UnexpectedAnswer, "unexpected_answer", Answer.WrongServerHint);
        }

        if (answer.Status >= 500)
        {
            return Build(answer, ExitCode.UnexpectedAnswer, "unexpected_answer", "the fault is in the server; see its log");
        }

        var exitCode = answer.Status == 401 ? ExitCode.NotSignedIn : ExitCode.Refused;
        return Build(answer, exitCode, "refused", ownHint ?? Hint(answer.Fields.Code, account));
    }

    private static CommandFailure Build(Answer answer, int exitCode, string code, string? hint)
    {
        var message = answer.Fields.Message ?? $"The server's answer ({answer.Status}) is not an AuthMesh answer";
        return new CommandFailure(exitCode, answer.Fields.Code ?? code, message, hint)
        {
            Details = Details(answer).ToList(),
            Answer = answer.Fields.Status == "error" ? answer.Body : null,
        };
    }

    private static string? Hint(string? code, string account) => code switch
    {
        "username_taken" => $"choose another name, or: authmesh login {account}",
        "invalid_credentials" => $"check name and password; no account yet? authmesh register {account}",
        "missing_token" or "invalid_token" or "invalid_refresh_token" => $"sign in again: authmesh login {account}",
        "insufficient_user_authentication" =>
            $"run the command at a terminal, where the client asks for what is needed, or sign in again: authmesh login {account}",
        "second_factor_required" => $"give a code: authmesh login {account} --code CODE; at a terminal, the client asks for it",
        "invalid_or_expired_token" => $"begin again: authmesh login {account}",
        "wrong_password" or "wrong_code" => "nothing was changed; try again",
        "totp_not_found" or "two_step_off" => "authmesh totp enable adds an authenticator app",
        "session_not_found" => "authmesh sessions shows your sessions",
        "insufficient_scope" =>
            "a sign-in by a browser does only what its scopes allow; sign in with a password for the rest: authmesh login NAME",
        "last_admin" => "make somebody else an admin first: authmesh users role NAME admin",
        "forbidden" => "sign in with an account that has the role: authmesh login NAME",
        _ => null,
    };

    private static IEnumerable<string> Details(Answer answer)
    {
        foreach (var (field, problems) in answer.Fields.Errors ?? new Dictionary<string, string?[]?>())
        {
            yield return $"{field}: {string.Join(' ', problems ?? [])}";
        }

        if (answer is { Status: >= 500, Fields.TraceId: { } traceId })
        {
            yield return $"trace id: {traceId}";
        }
    }

    private static string TryAgain(TimeSpan? delay) =>
        delay is { TotalSeconds: > 0 } wait ? $"try again in {Math.Ceiling(wait.TotalSeconds):0} s" : "try again later";
}
