using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace AuthMesh.Errors;

internal sealed record ErrorBody(
    string Status, string Message, string Code, string TraceId, IReadOnlyDictionary<string, string[]>? Errors)
{
    [JsonExtensionData]
    public JsonObject? Members { get; set; }
}

/// <summary>The same error in the shape of RFC 9457 §3, with the mesh's members as extensions.</summary>
internal sealed record ProblemBody(
    string Type, string Title, int Status, string Detail, string Code, string TraceId, IReadOnlyDictionary<string, string[]>? Errors)
{
    public const string ContentType = "application/problem+json";

    [JsonExtensionData]
    public JsonObject? Members { get; set; }
}

[JsonSerializable(typeof(ErrorBody))]
[JsonSerializable(typeof(ProblemBody))]
internal sealed partial class ErrorJson : JsonSerializerContext
{
    /// <summary>Leaves + and ' unescaped: JSON is not HTML, and the gateway forbids browsers to treat it as HTML (nosniff).</summary>
    public static ErrorJson Readable { get; } = new(new JsonSerializerOptions
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });
}
