using AuthMesh.Logs;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Errors;

/// <summary>Logs every error answer, so that its <c>traceId</c> leads to a line of the service that answered.</summary>
internal static partial class AnswerLog
{
    public static void Write(HttpContext context, Failure failure, string traceId)
    {
        var logger = context.RequestServices.GetRequiredService<ILoggerFactory>().CreateLogger(typeof(AnswerLog).FullName!);
        // Logs the pattern and never the path, which may hold a token. After an exception, the framework has set the endpoint aside.
        var endpoint = context.GetEndpoint() ?? context.Features.Get<IExceptionHandlerFeature>()?.Endpoint;
        var route = (endpoint as RouteEndpoint)?.RoutePattern.RawText ?? "no route";
        if (RequestTrace.CurrentId is null)
        {
            LogAnsweredWithoutTrace(logger, failure.Status, failure.Code, route, traceId);
        }
        else
        {
            LogAnswered(logger, failure.Status, failure.Code, route); // the log format adds the trace id
        }
    }

    [LoggerMessage(LogLevel.Information, "Answered {Status} {Code} ({Route})")]
    private static partial void LogAnswered(ILogger logger, int status, string code, string route);

    [LoggerMessage(LogLevel.Information, "Answered {Status} {Code} ({Route}), trace {TraceId}")]
    private static partial void LogAnsweredWithoutTrace(ILogger logger, int status, string code, string route, string traceId);
}
