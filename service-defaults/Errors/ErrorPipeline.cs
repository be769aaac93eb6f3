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
        if (app.ApplicationServices.GetService<OwnStatusPages>() is null)
        {
            app.UseStatusCodePages(context => RenderStatusAsync(context.HttpContext));
        }
        else
        {
            app.Use(async (context, proceed) =>
            {
                await proceed(context);
                if (IsBareError(context.Response))
                {
                    await RenderStatusAsync(context);
                }
            });
        }

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

    private static Task RenderStatusAsync(HttpContext context)
    {
        RequestMethods.CompleteAllow(context.Response);
        return CommonFailures.FromStatus(context.Response.StatusCode).ExecuteAsync(context);
    }

    // The same condition as the framework's.
    private static bool IsBareError(HttpResponse response) =>
        response is { HasStarted: false, StatusCode: >= 400 and < 600, ContentLength: null } && string.IsNullOrEmpty(response.ContentType);

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

/// <summary>
/// Marks a program, such as the gateway, whose code never turns status pages off for a request. It then needs no feature and no large state
/// for that in each request, a tenth of what the request allocates.
/// </summary>
internal sealed class OwnStatusPages;

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
