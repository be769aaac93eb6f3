using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Logs;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;

namespace AuthMesh.Errors;

/// <summary>
/// An error answer in the one shape of the mesh. A handler returns it like any other <see cref="IResult"/>. The same code renders the
/// refusals of middleware.
/// </summary>
/// <param name="status">The HTTP status, 400 to 599.</param>
/// <param name="code">A stable snake_case word for programs.</param>
/// <param name="message">A sentence for people. It reveals nothing that the caller did not know.</param>
public sealed class Failure(int status, string code, string message) : IResult, IStatusCodeHttpResult
{
    /// <summary>The HTTP status.</summary>
    public int Status { get; } = status;

    /// <summary>A stable snake_case word for programs.</summary>
    public string Code { get; } = code;

    /// <summary>A sentence for people.</summary>
    public string Message { get; } = message;

    /// <summary>The problems of each field, by the field's name on the wire.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>Further members of the body, by their names on the wire: what the caller needs in order to go on.</summary>
    public JsonObject? Members { get; init; }

    /// <summary>When to retry, sent as <c>Retry-After</c> in whole seconds (RFC 9110 §10.2.3).</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>The credentials that the caller must send, as <c>WWW-Authenticate</c> (RFC 9110 §11.6.1).</summary>
    public string? Challenge { get; init; }

    int? IStatusCodeHttpResult.StatusCode => Status;

    /// <summary>Writes the error as JSON, as an RFC 9457 problem or as a page, whichever the caller's Accept header prefers.</summary>
    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        response.Headers.CacheControl = "no-store";
        if (RetryAfter is { } retryAfter)
        {
            response.Headers.RetryAfter = Math.Ceiling(retryAfter.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        }

        if (Challenge is not null)
        {
            response.Headers.WWWAuthenticate = Challenge;
        }

        // As elements: the serializer writes a JsonObject as one member without a name.
        var protocol = FindProtocol(httpContext);
        var members = (Members ?? []).Concat(protocol?.MembersOf(this) ?? [])
            .ToDictionary(member => member.Key, member => JsonElement.Parse(member.Value!.ToJsonString()));
        var traceId = RequestTrace.CurrentId ?? httpContext.TraceIdentifier;
        AnswerLog.Write(httpContext, this, traceId);
        switch (protocol is null ? ErrorNegotiation.Choose(httpContext.Request) : ErrorForm.Json)
        {
            case ErrorForm.Problem:
                // "about:blank" says that the status alone describes the problem (RFC 9457 §4.2.1). The code tells errors apart.
                var problem = new ProblemBody("about:blank", ReasonPhrases.GetReasonPhrase(Status), Status, Message, Code, traceId, Errors)
                {
                    Members = members,
                };
                await response.WriteAsJsonAsync(
                    problem, ErrorJson.Readable.ProblemBody, ProblemBody.ContentType, httpContext.RequestAborted);
                break;
            case ErrorForm.Page:
                await ErrorPage.WriteAsync(response, this, traceId, httpContext.RequestAborted);
                break;
            default:
                var error = new ErrorBody("error", Message, Code, traceId, Errors) { Members = members };
                await response.WriteAsJsonAsync(error, ErrorJson.Readable.ErrorBody, cancellationToken: httpContext.RequestAborted);
                break;
        }
    }

    // An unhandled exception has taken the endpoint away.
    private static ErrorProtocol? FindProtocol(HttpContext context) =>
        (context.GetEndpoint() ?? context.Features.Get<IExceptionHandlerFeature>()?.Endpoint)?.Metadata.GetMetadata<ErrorProtocol>();
}

/// <summary>The metadata of an endpoint whose protocol demands JSON and further members in each error.</summary>
/// <param name="MembersOf">The members of a failure, besides its own.</param>
internal sealed record ErrorProtocol(Func<Failure, JsonObject> MembersOf);
