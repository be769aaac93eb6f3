using System.Text.Json;
using System.Text.Json.Serialization;

namespace AuthMesh.Identity.Platform;

/// <summary>Accepts any JSON string. A string that is not valid text becomes one that equals no user's name or secret.</summary>
internal sealed class AnyTextConverter : JsonConverter<string>
{
    private const string Nobodys = "\0"; // refused at registration

    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw new JsonException("must be a string");
        }

        try
        {
            return reader.GetString();
        }
        catch (InvalidOperationException) // a lone surrogate, or invalid UTF-8
        {
            return Nobodys;
        }
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
}
