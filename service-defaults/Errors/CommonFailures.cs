using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthMesh.Errors;

/// <summary>The failures that any service may return.</summary>
public static class CommonFailures
{
    private const string ScopeChallenge = "Bearer realm=\"authmesh\", error=\"insufficient_scope\"";

    private static readonly (int Status, string Code, string Message)
        ConfirmAgain = new(StatusCodes.Status401Unauthorized, "insufficient_user_authentication", "Confirm again that it is you"),
        ConfirmWithSecondFactor = new(
            StatusCodes.Status401Unauthorized, "insufficient_user_authentication", "Confirm that it is you with a second factor");

    /// <summary>401 for an access token that is invalid, expired or revoked.</summary>
    public static Failure InvalidToken() => new(StatusCodes.Status401Unauthorized, "invalid_token", "Invalid or expired token")
    {
        Challenge = "Bearer realm=\"authmesh\", error=\"invalid_token\", error_description=\"Invalid or expired token\"", // RFC 6750 §3
    };

    /// <summary>401 for a caller whose sign-in is too old or too weak for this endpoint (RFC 9470 §3).</summary>
    /// <param name="maxAgeSeconds">The greatest age of the proof, if the endpoint demands a recent one.</param>
    /// <param name="assurance">The <c>acr</c> that the endpoint demands, if it demands one.</param>
    public static Failure InsufficientAuthentication(int? maxAgeSeconds, string? assurance)
    {
        var (status, code, message) = assurance is null ? ConfirmAgain : ConfirmWithSecondFactor;
        var demands = (maxAgeSeconds is { } seconds ? string.Create(CultureInfo.InvariantCulture, $", max_age=\"{seconds}\"") : "")
            + (assurance is null ? "" : $", acr_values=\"{assurance}\"");
        return new(status, code, message)
        {
            Challenge = $"Bearer realm=\"authmesh\", error=\"{code}\", error_description=\"{message}\"{demands}",
        };
    }

    /// <summary>403 for a token whose scopes do not allow the request (RFC 6750 §3.1).</summary>
    /// <param name="scope">A scope that would; null if none does.</param>
    public static Failure MissingScope(string? scope) => scope is null
        ? new(StatusCodes.Status403Forbidden, "insufficient_scope", "The scopes of this token do not allow this")
        {
            Challenge = ScopeChallenge,
        }
        : new(StatusCodes.Status403Forbidden, "insufficient_scope", $"This needs the scope {scope}")
        {
            Challenge = $"{ScopeChallenge}, scope=\"{scope}\"",
        };

    /// <summary>403 for a caller whose token lacks the required role.</summary>
    public static Failure InsufficientRole(string message) => new(StatusCodes.Status403Forbidden, "forbidden", message)
    {
        Challenge = ScopeChallenge, // RFC 6750 §3.1
    };

    /// <summary>403 for a request that another role would not allow either.</summary>
    public static Failure Forbidden(string message) => new(StatusCodes.Status403Forbidden, "forbidden", message);

    /// <summary>503 for a part that is temporarily unavailable.</summary>
    /// <param name="code">A stable snake_case word for programs.</param>
    /// <param name="message">A sentence for people.</param>
    /// <param name="retryAfter">When to retry; one second unless given.</param>
    public static Failure Unavailable(string code, string message, TimeSpan? retryAfter = null) =>
        new(StatusCodes.Status503ServiceUnavailable, code, message) { RetryAfter = retryAfter ?? TimeSpan.FromSeconds(1) };

    /// <summary>400 that names each field and its problems. The message repeats the first one for people.</summary>
    public static Failure InvalidRequest(IReadOnlyDictionary<string, string[]> errors) =>
        InvalidRequest(errors.First() is var (field, texts) ? $"{field}: {texts[0]}" : "", errors);

    /// <summary>400 with a message of its own.</summary>
    public static Failure InvalidRequest(string message, IReadOnlyDictionary<string, string[]>? errors = null) =>
        new(StatusCodes.Status400BadRequest, "invalid_request", message) { Errors = errors };

    /// <summary>415 for a body in a content coding such as gzip, which no service decodes (RFC 9110 §15.5.16).</summary>
    public static Failure EncodedBody() => new(
        StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type",
        "The request body must not be compressed or encoded: leave out Content-Encoding");

    /// <summary>429 for a caller who has used up a limit (RFC 6585 §4).</summary>
    /// <param name="message">A sentence for people.</param>
    /// <param name="retryAfter">When the next request is let through.</param>
    public static Failure TooManyRequests(string message, TimeSpan retryAfter) =>
        new(StatusCodes.Status429TooManyRequests, "too_many_requests", message) { RetryAfter = retryAfter };

    /// <summary>The failure for a bare status, if code set one and wrote no body.</summary>
    public static Failure FromStatus(int status) => status switch
    {
        StatusCodes.Status400BadRequest => InvalidRequest("The request is incomplete or malformed"),
        StatusCodes.Status401Unauthorized => new(status, "missing_token", "Missing or invalid token"),
        StatusCodes.Status403Forbidden => Forbidden("Access denied"),
        StatusCodes.Status404NotFound => new(status, "not_found", "There is nothing at this path"),
        StatusCodes.Status405MethodNotAllowed =>
        new(status, "method_not_allowed", "This path does not support the method; see the Allow header"),
        StatusCodes.Status408RequestTimeout => new(status, "request_timeout", "The request did not arrive in time"),
        StatusCodes.Status413PayloadTooLarge => new(status, "body_too_large", "The request body is too large"),
        StatusCodes.Status415UnsupportedMediaType =>
        new(status, "unsupported_media_type", "The request body must be application/json, in UTF-8"),
        StatusCodes.Status501NotImplemented => new(status, "unknown_method", "No path supports this method; methods are case-sensitive"),
        StatusCodes.Status429TooManyRequests => new(status, "too_many_requests", "Too many requests"),
        StatusCodes.Status502BadGateway or StatusCodes.Status503ServiceUnavailable or StatusCodes.Status504GatewayTimeout =>
            Unavailable("service_unavailable", "The service behind this path is not available right now"),
        >= 500 => new(status, "internal_error", "Something went wrong on our side; the trace id names it in the log"),
        _ => new(status, "refused", ReasonPhrases.GetReasonPhrase(status)),
    };
}
