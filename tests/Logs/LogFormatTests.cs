using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using AuthMesh.Logs;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Time.Testing;

namespace AuthMesh.Tests.Logs;

/// <summary>The format of a log entry. No text in an entry can forge another one.</summary>
public sealed class LogFormatTests
{
    private const string Time = "2026-03-04T05:06:07.089Z";

    private static readonly FakeTimeProvider Clock = new(DateTimeOffset.Parse(Time, CultureInfo.InvariantCulture));

    [Fact]
    public void A_file_entry_is_one_JSON_object_with_time_source_trace_and_fields()
    {
        using var activity = new Activity("a request").SetIdFormat(ActivityIdFormat.W3C).Start();
        var written = Write(
            new JsonLogFormat(Clock), new EventId(7, "signed-in"),
            new("User", Guid.Empty), new("Count", 3), new("Network", "192.0.2.0/24"));

        var entry = JsonElement.Parse(written);
        Assert.Equal(
            (Time, "warn", "AuthMesh.Security", "signed-in", "a message"),
            (Text("time"), Text("level"), Text("category"), Text("event"), Text("message")));
        Assert.Equal((activity.TraceId.ToHexString(), activity.SpanId.ToHexString()), (Text("traceId"), Text("spanId")));
        Assert.Equal(
            """{"user":"00000000-0000-0000-0000-000000000000","count":3,"network":"192.0.2.0/24"}""",
            entry.GetProperty("fields").GetRawText());

        string? Text(string name) => entry.GetProperty(name).GetString();
    }

    [Fact]
    public void A_terminal_entry_is_one_line_with_time_source_and_trace()
    {
        using var activity = new Activity("a request").SetIdFormat(ActivityIdFormat.W3C).Start();

        Assert.Equal(
            $"{Time} warn AuthMesh.Security signed-in: a message [{activity.TraceId.ToHexString()}]\n",
            Write(new LogLine(Clock), new EventId(7, "signed-in")));
    }

    [Theory]
    [InlineData("LogRefused")]
    [InlineData(null)]
    public void A_terminal_entry_omits_a_generated_or_missing_event_name(string? name) =>
        Assert.Equal($"{Time} warn AuthMesh.Security: a message\n", Write(new LogLine(Clock), new EventId(7, name)));

    public static TheoryData<string> Hostile => new()
    {
        "\n2026-01-01T00:00:00.000Z info AuthMesh.Security: forged", "\r\nforged", "\rforged", "\u0085forged",
        "\u2028forged", "\u2029forged", "\u000bforged", "\u000cforged",
        "\0", "\u001b[2J", "\u009b2J", "\u007f", "\u202edegrof", "\ud800", "\udc00x", "\"},{\"message\":\"forged",
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void No_value_or_exception_can_forge_a_line(string hostile)
    {
        var exception = new InvalidOperationException(hostile);
        KeyValuePair<string, object?> field = new("Reason", hostile);

        var json = WriteMessage(new JsonLogFormat(Clock), new EventId(1, hostile), exception, "before " + hostile, field);
        Assert.Equal(json.Length - 1, json.IndexOf('\n', StringComparison.Ordinal));
        Assert.DoesNotContain(json[..^1], c => char.IsControl(c) || c is '\u2028' or '\u2029');
        var entry = JsonElement.Parse(json);
        if (hostile.All(c => !char.IsSurrogate(c)))
        {
            Assert.Equal("before " + hostile, entry.GetProperty("message").GetString());
            Assert.Equal(hostile, entry.GetProperty("fields").GetProperty("reason").GetString());
        }

        var text = WriteMessage(new LogLine(Clock), new EventId(1, hostile), exception, "before " + hostile, field);
        var lines = text.TrimEnd('\n').Split('\n');
        Assert.StartsWith(Time, lines[0], StringComparison.Ordinal);
        Assert.All(lines[1..], line => Assert.StartsWith("    ", line, StringComparison.Ordinal));
        Assert.DoesNotContain(text, c => (char.IsControl(c) && c != '\n') || c is '\u2028' or '\u2029' or '\u202e');
    }

    [Fact]
    public void Printable_text_stays_unchanged()
    {
        const string Text = "Größe + 'eins' 日本語 🔑 \"zwei\"";

        Assert.Contains(Text, WriteMessage(new LogLine(Clock), default, null, Text), StringComparison.Ordinal);
        var json = WriteMessage(new JsonLogFormat(Clock), default, null, Text);
        Assert.Equal(Text, JsonElement.Parse(json).GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("Microsoft.AspNetCore.Hosting.Diagnostics")]
    [InlineData("Microsoft.AspNetCore.HttpLogging.HttpLoggingMiddleware")]
    [InlineData("Microsoft.AspNetCore.Routing.Matching.DfaMatcher")]
    [InlineData("Microsoft.AspNetCore.Server.Kestrel.BadRequests")]
    [InlineData("System.Net.Http.HttpClient.anything.LogicalHandler")]
    [InlineData("Yarp.ReverseProxy.Forwarder.HttpForwarder")]
    public void No_setting_makes_a_category_print_URLs(string category)
    {
        var levels = Enum.GetValues<LogLevel>().Where(level => level is not LogLevel.None).ToList();
        string[] settings =
        [
            "LogLevel:Default", $"LogLevel:{category}", $"LogLevel:{category[..20]}*",
            "Captured:LogLevel:Default", $"Captured:LogLevel:{category}",
        ];
        foreach (var setting in settings)
        {
            using var host = NewHost($"Logging:{setting}", "Trace");
            var logger = host.GetRequiredService<ILoggerFactory>().CreateLogger(category);
            Assert.Equal([LogLevel.Warning, LogLevel.Error, LogLevel.Critical], levels.Where(logger.IsEnabled));
        }

        using var other = NewHost("Logging:LogLevel:Default", "Trace");
        var ours = other.GetRequiredService<ILoggerFactory>().CreateLogger("AuthMesh.Tokens.AccessTokenHandler");
        Assert.All(levels, level => Assert.True(ours.IsEnabled(level)));
    }

    [Fact]
    public void A_setting_still_silences_a_category()
    {
        using var host = NewHost("Logging:LogLevel:Yarp", "Error");
        var logger = host.GetRequiredService<ILoggerFactory>().CreateLogger("Yarp.ReverseProxy.Forwarder.HttpForwarder");

        Assert.False(logger.IsEnabled(LogLevel.Warning));
        Assert.True(logger.IsEnabled(LogLevel.Error));
    }

    private static ServiceProvider NewHost(string key, string value)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new(key, value)]);
        builder.Logging.AddConfiguration(builder.Configuration.GetSection("Logging"));
        builder.Logging.AddProvider(new Captured());
        builder.AddLogs();
        return builder.Services.BuildServiceProvider();
    }

    private static string Write(ConsoleFormatter format, EventId id, params KeyValuePair<string, object?>[] fields) =>
        WriteMessage(format, id, null, "a message", fields);

    private static string WriteMessage(
        ConsoleFormatter format, EventId id, Exception? exception, string message, params KeyValuePair<string, object?>[] fields)
    {
        using var writer = new StringWriter { NewLine = "\n" };
        KeyValuePair<string, object?>[] state = [.. fields, new("{OriginalFormat}", "a template")];
        var entry = new LogEntry<IReadOnlyList<KeyValuePair<string, object?>>>(
            LogLevel.Warning, "AuthMesh.Security", id, state, exception, (_, _) => message);
        format.Write(entry, null, writer);
        return writer.ToString();
    }

    [ProviderAlias("Captured")]
    private sealed class Captured : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new AuthMesh.Tests.Harness.LogLines<Captured>();

        public void Dispose()
        {
        }
    }
}
