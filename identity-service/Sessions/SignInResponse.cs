using System.Text.Json.Serialization;

namespace AuthMesh.Identity.Sessions;

/// <summary>The tokens of a sign-in or a refresh. RFC 6749 §5.1 names the token members.</summary>
public sealed record SignInResponse(
    string Status, string Message, string Token,
    [property: JsonPropertyName("token_type")] string TokenType,
    [property: JsonPropertyName("expires_in")] int ExpiresInSeconds,
    [property: JsonPropertyName("refresh_token")] string RefreshToken,
    [property: JsonPropertyName("refresh_expires_in")] int RefreshExpiresInSeconds);
