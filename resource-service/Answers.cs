using System.Text.Json.Serialization;

namespace AuthMesh.Resource;

public sealed record ProtectedResponse(string Status, string Message, string Role);

public sealed record AdminResponse(string Status, string Message);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ProtectedResponse))]
[JsonSerializable(typeof(AdminResponse))]
internal sealed partial class ResourceJson : JsonSerializerContext;
