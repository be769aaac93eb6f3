using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;

namespace AuthMesh.Logs;

internal static class LogServices
{
    private const string Setting = "Logging:Console:FormatterName";

    /// <summary>Whether the console log has a format of ours, which shows no scopes.</summary>
    public static bool HasOwnFormat(IConfiguration configuration) =>
        configuration[Setting] is null or JsonLogFormat.FormatName or LogLine.FormatName;

    /// <summary>
    /// Logs JSON if another program reads the output, and a readable line on a terminal. <c>Logging:Console:FormatterName</c> overrides
    /// this (<c>authmesh-json</c>, <c>authmesh-line</c>, or one of the framework's).
    /// </summary>
    public static void AddLogs(this IHostApplicationBuilder builder)
    {
        builder.Services.AddSingleton<ConsoleFormatter, JsonLogFormat>();
        builder.Services.AddSingleton<ConsoleFormatter, LogLine>();
        var format = builder.Configuration[Setting] ?? (Console.IsOutputRedirected ? JsonLogFormat.FormatName : LogLine.FormatName);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.FormatterName = format);
        builder.Services.PostConfigure<LoggerFilterOptions>(HeldCategories.Hold);
    }
}
