using Microsoft.Extensions.Logging;

namespace AuthMesh.Logs;

/// <summary>
/// The framework categories that log the content of a request: its URL with the query, its decoded path, parameter values, headers. That
/// content may hold tokens and passwords, so no setting makes these categories log below Warning.
/// </summary>
internal static class HeldCategories
{
    private static readonly string[] Names =
    [
        "Microsoft.AspNetCore.Hosting",
        "Microsoft.AspNetCore.HostFiltering",
        "Microsoft.AspNetCore.Http", // also HttpLogging and HttpOverrides; bound parameters
        "Microsoft.AspNetCore.Routing",
        "Microsoft.AspNetCore.Server.Kestrel", // the request line of a bad request
        "Microsoft.AspNetCore.StaticFiles",
        "Microsoft.AspNetCore.W3CLogging",
        "Microsoft.Extensions.Http",
        "System.Net.Http",
        "Yarp.ReverseProxy",
    ];

    /// <summary>Adds this condition to every rule that could let such an entry through, including one for a single provider.</summary>
    public static void Hold(LoggerFilterOptions options)
    {
        var rules = options.Rules.ToList();
        options.Rules.Clear();
        // For categories that no rule names. It goes first, because the later of two equal rules wins.
        rules.Insert(0, new LoggerFilterRule(null, null, options.MinLevel, null));
        foreach (var rule in rules)
        {
            options.Rules.Add(new LoggerFilterRule(rule.ProviderName, rule.CategoryName, rule.LogLevel, (provider, category, level) =>
                (level >= LogLevel.Warning || !IsHeld(category)) && (rule.Filter is null || rule.Filter(provider, category, level))));
        }
    }

    private static bool IsHeld(string? category) =>
        category is not null && Array.Exists(Names, name => category.StartsWith(name, StringComparison.OrdinalIgnoreCase));
}
