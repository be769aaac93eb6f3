using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.RegularExpressions;
using AuthMesh.Client.CommandLine;

namespace AuthMesh.Client.Server;

/// <summary>The fields of every AuthMesh answer, success or error.</summary>
internal sealed record AnswerFields(
    string? Status = null,
    string? Message = null,
    string? Code = null,
    [property: JsonPropertyName("traceId")] string? TraceId = null,
    IReadOnlyDictionary<string, string?[]?>? Errors = null);

/// <summary>One HTTP answer. <see cref="Body"/> is null if the body is not a JSON object.</summary>
internal sealed partial record Answer(
    int Status, JsonElement? Body, AnswerFields Fields, TimeSpan? RetryAfter, Uri? RedirectsTo, string? SessionCookie,
    string? DeviceCookie)
{
    public const string WrongServerHint = "is this an AuthMesh server? --server names another one";

    public bool IsSuccess => Status is >= 200 and < 300 && Fields is { Status: "success", Message: not null };

    public static async Task<Answer> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var (body, fields) = Parse(await response.Content.ReadAsByteArrayAsync(cancellation));
        var headers = response.Headers;
        return new Answer((int)response.StatusCode, body, fields, Delay(headers.RetryAfter), headers.Location,
            CookieIn(headers, SessionCookieName()), CookieIn(headers, DeviceCookieName()));
    }

    /// <summary>Reads the further fields that one command needs. The command declares them itself.</summary>
    public T Read<T>(JsonTypeInfo<T> fields)
    {
        try
        {
            return Body!.Value.Deserialize(fields)!;
        }
        catch (JsonException)
        {
            throw CommandFailure.Unexpected("The server's answer lacks what this command needs", WrongServerHint);
        }
    }

    private static (JsonElement? Body, AnswerFields Fields) Parse(byte[] bytes)
    {
        try
        {
            using var document = JsonDocument.Parse(bytes);
            using var trial = new Utf8JsonWriter(Stream.Null);
            document.WriteTo(trial); // throws for a lone surrogate, which parses but is not text: --json could not print it
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return (document.RootElement.Clone(), document.RootElement.Deserialize(ClientJson.Default.AnswerFields)!);
            }
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // A proxy's HTML page, a text, or nothing: the missing body tells the caller.
        }

        return (null, new AnswerFields());
    }

    /// <summary>Returns name and value in the form of the Cookie header.</summary>
    private static string? CookieIn(HttpResponseHeaders headers, Regex names) => headers.TryGetValues("Set-Cookie", out var cookies)
        ? cookies.Select(cookie => cookie.Split(';')[0]).FirstOrDefault(
            pair => pair.Split('=', 2) is [var name, var value] && names.IsMatch(name) && BearerToken.IsSendable(value))
        : null;

    // On plain http the name holds the port of the mesh's public origin, which need not be the port that this client calls.
    [GeneratedRegex(@"^(__Host-authmesh|authmesh-[0-9]+)\z")]
    private static partial Regex SessionCookieName();

    [GeneratedRegex(@"^(__Host-authmesh-device|authmesh-device-[0-9]+)\z")]
    private static partial Regex DeviceCookieName();

    private static TimeSpan? Delay(RetryConditionHeaderValue? retryAfter) =>
        retryAfter?.Delta ?? (retryAfter?.Date is { } date ? date - TimeProvider.System.GetUtcNow() : null);
}
