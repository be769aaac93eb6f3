using System.Text.Json.Serialization;

/// <summary>The answer of the resource service at /protected, with a fixed name.</summary>
internal sealed record OpenResponse(string Status, string Message, string Role)
{
    public static OpenResponse Answer => new("success", "You are viewing protected content, somebody!", "user");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OpenResponse))]
internal sealed partial class OpenJson : JsonSerializerContext;
