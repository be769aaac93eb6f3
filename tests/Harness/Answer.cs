using System.Net.Http.Headers;
using System.Text.Json;

namespace AuthMesh.Tests.Harness;

/// <summary>A response, completely read, with the few accessors that tests need.</summary>
public sealed record Answer(int Status, HttpResponseHeaders Headers, HttpContentHeaders ContentHeaders, string Text)
{
    public JsonElement Json => JsonElement.Parse(Text);

    public string? Message => Member("message");

    public string? Code => Member("code");

    public string Token => Member("token") ?? throw new InvalidOperationException($"No token in {Text}");

    public string? Member(string name) => Json.TryGetProperty(name, out var value) ? value.ToString() : null;

    /// <summary>A header's value, several joined, or null.</summary>
    public string? Header(string name) =>
        Headers.TryGetValues(name, out var values) || ContentHeaders.TryGetValues(name, out values) ? string.Join(", ", values) : null;

    public static async Task<Answer> ReadAsync(HttpResponseMessage response) => new(
        (int)response.StatusCode, response.Headers, response.Content.Headers, await response.Content.ReadAsStringAsync());

    public override string ToString() => $"{Status} {Text}";
}

/// <summary>Checks the common error shape member by member.</summary>
public static class ErrorShape
{
    public static void AssertError(this Answer answer, int status, string code, string? message = null, params string[] fields) =>
        answer.AssertErrorWith([], status, code, message, fields);

    /// <param name="answer">The answer.</param>
    /// <param name="further">The members that this error has besides the common ones.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="code">The code.</param>
    /// <param name="message">The message, unless it does not matter.</param>
    /// <param name="fields">The fields that the error names.</param>
    public static void AssertErrorWith(
        this Answer answer, string[] further, int status, string code, string? message = null, params string[] fields)
    {
        Assert.Equal(status, answer.Status);
        Assert.Equal("application/json", answer.ContentHeaders.ContentType?.MediaType);
        Assert.Equal("error", answer.Member("status"));
        Assert.Equal(code, answer.Code);
        if (message is not null)
        {
            Assert.Equal(message, answer.Message);
        }

        Assert.False(string.IsNullOrWhiteSpace(answer.Message));
        Assert.Matches("^[0-9a-f]{32}$", answer.Member("traceId"));
        Assert.Contains("no-store", answer.Header("Cache-Control"), StringComparison.Ordinal);

        var named = answer.Json.TryGetProperty("errors", out var errors)
            ? errors.EnumerateObject().Select(field => field.Name).ToArray() : [];
        Assert.Equal(fields, named);
        Assert.All(named, field => Assert.NotEmpty(errors.GetProperty(field).EnumerateArray()));
        var members = answer.Json.EnumerateObject().Select(member => member.Name)
            .Except(["status", "message", "code", "traceId", "errors"]);
        Assert.Equal(further, members);
    }
}
