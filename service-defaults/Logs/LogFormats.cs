using System.Buffers;
using System.Collections;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace AuthMesh.Logs;

/// <summary>
/// A log entry as one JSON object on one line: time, level, category, event, message, the trace id that an error answer shows as
/// <c>traceId</c>, the span id if the request has one, the fields of the message, and the exception.
/// </summary>
/// <remarks>
/// The framework's JSON format is not used: it takes the trace id from scopes, and a request's scope holds its decoded path, which may hold
/// a token.
/// </remarks>
internal sealed class JsonLogFormat(TimeProvider clock) : ConsoleFormatter(FormatName)
{
    public const string FormatName = "authmesh-json";

    private const string Template = "{OriginalFormat}"; // the framework's name for the message before its fields are filled in

    // Leaves + and ' readable. It escapes every control character.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteString("time", LogLine.Time(clock));
            json.WriteString("level", LogLine.Level(logEntry.LogLevel));
            json.WriteString("category", logEntry.Category);
            if (logEntry.EventId.Name is { } name)
            {
                json.WriteString("event", name);
            }

            json.WriteString("message", logEntry.Formatter(logEntry.State, logEntry.Exception));
            if (RequestTrace.CurrentId is { } traceId)
            {
                json.WriteString("traceId", traceId);
            }

            if (Activity.Current is { } activity)
            {
                json.WriteString("spanId", activity.SpanId.ToHexString());
            }

            if (logEntry.State is IReadOnlyList<KeyValuePair<string, object?>> fields)
            {
                WriteFields(json, fields);
            }

            if (logEntry.Exception is { } exception)
            {
                json.WriteString("exception", exception.ToString());
            }

            json.WriteEndObject();
        }

        textWriter.WriteLine(Encoding.UTF8.GetString(buffer.WrittenSpan));
    }

    private static void WriteFields(Utf8JsonWriter json, IReadOnlyList<KeyValuePair<string, object?>> fields)
    {
        if (fields.All(field => field.Key == Template))
        {
            return;
        }

        json.WriteStartObject("fields");
        foreach (var (name, value) in fields)
        {
            if (name != Template)
            {
                json.WritePropertyName(JsonNamingPolicy.CamelCase.ConvertName(name));
                WriteValue(json, value);
            }
        }

        json.WriteEndObject();
    }

    private static void WriteValue(Utf8JsonWriter json, object? value)
    {
        switch (value)
        {
            case null:
                json.WriteNullValue();
                break;
            case bool truth:
                json.WriteBooleanValue(truth);
                break;
            case int or long or short or byte:
                json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                break;
            case double number when double.IsFinite(number):
                json.WriteNumberValue(number);
                break;
            case string text:
                json.WriteStringValue(text);
                break;
            case IEnumerable values:
                json.WriteStartArray();
                foreach (var element in values)
                {
                    WriteValue(json, element);
                }

                json.WriteEndArray();
                break;
            default:
                json.WriteStringValue(Convert.ToString(value, CultureInfo.InvariantCulture));
                break;
        }
    }
}

/// <summary>
/// A log entry as one line for a person: time, level, category, message, and the trace id in brackets. An exception follows, indented.
/// </summary>
internal sealed class LogLine(TimeProvider clock) : ConsoleFormatter(FormatName)
{
    public const string FormatName = "authmesh-line";

    private const string GeneratedName = "Log"; // the prefix of our logging methods, whose names are the default names of their events

    public static string Time(TimeProvider clock) =>
        clock.GetUtcNow().UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);

    public static string Level(LogLevel level) => level switch
    {
        LogLevel.Trace => "trace",
        LogLevel.Debug => "debug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "error",
        _ => "critical",
    };

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        textWriter.Write($"{Time(clock)} {Level(logEntry.LogLevel)} {logEntry.Category}");
        if (logEntry.EventId.Name is { } name && !name.StartsWith(GeneratedName, StringComparison.Ordinal)
            && !message.StartsWith(name, StringComparison.Ordinal)) // the message of a security event begins with its name
        {
            textWriter.Write($" {LogText.Visible(name)}");
        }

        textWriter.Write($": {LogText.Visible(message)}");
        textWriter.WriteLine(RequestTrace.CurrentId is { } traceId ? $" [{traceId}]" : "");
        if (logEntry.Exception is { } exception)
        {
            foreach (var line in exception.ToString().Split('\n'))
            {
                textWriter.WriteLine("    " + LogText.Visible(line.TrimEnd('\r'))); // no line of an entry begins with a space
            }
        }
    }
}
