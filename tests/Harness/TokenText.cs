using System.Buffers.Text;
using System.Text.Json.Nodes;

namespace AuthMesh.Tests.Harness;

public static class TokenText
{
    /// <summary>The claims of a token, without verification.</summary>
    public static JsonObject Payload(string token) => JsonNode.Parse(Base64Url.DecodeFromChars(token.Split('.')[1]))!.AsObject();

    public static Guid SessionId(string token) => Guid.Parse(Payload(token)["sid"]!.GetValue<string>());

    public static Guid UserId(string token) => Guid.Parse(Payload(token)["sub"]!.GetValue<string>());
}
