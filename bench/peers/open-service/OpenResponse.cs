using System.Text.Json.Serialization;

/// <summary>What the resource service answers at /protected, but for the name.</summary>
internal sealed record OpenResponse(string Status, string Message, string Role)
{
    public static OpenResponse Answer => new("success", "You are viewing protected content, somebody!", "user");
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OpenResponse))]
internal sealed partial class OpenJson : JsonSerializerContext;
