using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuthMesh.Errors;

internal sealed record ErrorBody(
    string Status, string Message, string Code, string TraceId, IReadOnlyDictionary<string, string[]>? Errors);

/// <summary>The same error as RFC 9457 §3 shapes it, with the mesh's members as its extensions.</summary>
internal sealed record ProblemBody(
    string Type, string Title, int Status, string Detail, string Code, string TraceId, IReadOnlyDictionary<string, string[]>? Errors)
{
    public const string ContentType = "application/problem+json";
}

[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(ProblemBody))]
internal sealed partial class ErrorJson : JsonSerializerContext
{
    /// <summary>Leaves + and ' as they are: JSON is not HTML, and the gateway forbids browsers to take it for that (nosniff).</summary>
    public static ErrorJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
