using System.Text.Json.Serialization;

namespace AuthMesh.Resource;

public sealed record ProtectedResponse(string Status, string Message, string Role);

public sealed record AdminResponse(string Status, string Message);

public sealed record StockResponse(string Status, string Message, [property: JsonPropertyName("client_id")] string ClientId);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProtectedResponse))]
[JsonSerializable(typeof(AdminResponse))]
[JsonSerializable(typeof(StockResponse))]
internal sealed partial class ResourceJson : JsonSerializerContext;
