using System.Reflection;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Tests.Conventions.Documentation;

/// <summary>docs/security-events.md lists every event with its level and fields.</summary>
public sealed class SecurityEventsPageTests
{
    private static readonly string[] Common = [nameof(SecurityEvent.Kind), nameof(SecurityEvent.Level)];

    [Fact]
    public void The_page_lists_exactly_the_events_with_their_levels_and_fields() => Assert.Equal(
        typeof(SecurityEvent).GetMethods(BindingFlags.Static | BindingFlags.Public)
            .Where(method => method.ReturnType == typeof(SecurityEvent))
            .Select(method => Describe((SecurityEvent)method.Invoke(null, [.. method.GetParameters().Select(Any)])!))
            .Order(StringComparer.Ordinal),
        new Page("docs/security-events.md").Rows("event")
            .Select(row => $"{Page.Code(row[0]).Single()} {row[1]} {string.Join(' ', Page.Code(row[2]).Order(StringComparer.Ordinal))}")
            .Order(StringComparer.Ordinal));

    [Fact]
    public void The_events_that_count_from_zero_exist() =>
        Assert.Empty(SecurityEvents.CountedFromZero.Except(
            new Page("docs/security-events.md").Rows("event").SelectMany(row => Page.Code(row[0]))));

    private static string Describe(SecurityEvent entry) => $"{entry.Kind} {entry.Level} " + string.Join(' ', typeof(SecurityEvent)
        .GetProperties(BindingFlags.Instance | BindingFlags.Public)
        .Where(field => !Common.Contains(field.Name) && field.GetValue(entry) is not null)
        .Select(field => field.Name).Order(StringComparer.Ordinal));

    private static object Any(ParameterInfo parameter) =>
        parameter.ParameterType == typeof(string) ? "text" : parameter.ParameterType == typeof(int) ? 1 : Guid.NewGuid();
}
