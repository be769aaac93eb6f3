using System.Text.Json;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthMesh.Errors;

/// <summary>Maps a service's own exception to the failure for its caller; null if the rule does not apply.</summary>
public sealed record FailureRule(Func<Exception, Failure?> Match);

/// <summary>Renders unhandled exceptions, and statuses without a body, as a <see cref="Failure"/>.</summary>
internal sealed partial class ErrorPipeline(IEnumerable<FailureRule> rules, ILogger<ErrorPipeline> logger)
    : IStartupFilter, IExceptionHandler, IDeveloperPageExceptionFilter
{
    // A startup filter runs before all middleware that a service adds, so a service needs no other call than AddAuthMesh.
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.UseExceptionHandler(_ => { });
        app.UseStatusCodePages(context =>
        {
            RequestMethods.CompleteAllow(context.HttpContext.Response);
            return CommonFailures.FromStatus(context.HttpContext.Response.StatusCode).ExecuteAsync(context.HttpContext);
        });
        next(app);
    };

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        await RenderAsync(httpContext, exception);
        return true;
    }

    // In Development the host puts its own exception page between this filter and the service. This method keeps that page from answering.
    public Task HandleExceptionAsync(ErrorContext errorContext, Func<ErrorContext, Task> next) =>
        RenderAsync(errorContext.HttpContext, errorContext.Exception);

    private Task RenderAsync(HttpContext context, Exception exception) => Describe(context, exception).ExecuteAsync(context);

    private Failure Describe(HttpContext context, Exception exception)
    {
        if (rules.Select(rule => rule.Match(exception)).FirstOrDefault(match => match is not null) is { } foreseen)
        {
            LogForeseen(foreseen.Code, exception.GetBaseException().Message);
            return foreseen;
        }

        if (exception is BadHttpRequestException badRequest)
        {
            return badRequest.InnerException is not JsonException json ? CommonFailures.FromStatus(badRequest.StatusCode)
                : context.Request.Headers.ContentEncoding.Count > 0 ? CommonFailures.EncodedBody() // compressed JSON does not parse
                : JsonProblem.Describe(json);
        }

        LogUnexpected(exception);
        return CommonFailures.FromStatus(StatusCodes.Status500InternalServerError);
    }

    [LoggerMessage(LogLevel.Warning, "A request failed with {Code}: {Reason}")]
    private partial void LogForeseen(string code, string reason);

    [LoggerMessage(LogLevel.Error, "Unhandled exception")]
    private partial void LogUnexpected(Exception exception);
}

internal static class ErrorServices
{
    public static void AddErrors(this IServiceCollection services)
    {
        services.AddSingleton<ErrorPipeline>();
        services.AddSingleton<IStartupFilter>(provider => provider.GetRequiredService<ErrorPipeline>());
        services.AddSingleton<IExceptionHandler>(provider => provider.GetRequiredService<ErrorPipeline>());
        services.AddSingleton<IDeveloperPageExceptionFilter>(provider => provider.GetRequiredService<ErrorPipeline>());
        // The exception says what is wrong with a body. Without it, the answer would be a bare 400.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddLogging(logging => logging.AddFilter(
            "Microsoft.AspNetCore.Diagnostics.DeveloperExceptionPageMiddleware", LogLevel.None)); // it logs every bad request as an error
    }
}
