using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;
using AuthMesh.Client.Sessions;

namespace AuthMesh.Client.WebSignIn;

/// <summary>Where the server's sign-in is (OpenID Connect Discovery 1.0 §3); a server without a part leaves its address out.</summary>
internal sealed record ServerMetadata(
    string Issuer, string? AuthorizationEndpoint = null, string? PushedAuthorizationRequestEndpoint = null,
    string? DeviceAuthorizationEndpoint = null);

/// <summary>RFC 9126 §2.2.</summary>
internal sealed record PushedRequest(string RequestUri);

/// <summary>RFC 8628 §3.2.</summary>
internal sealed record DeviceCode(
    [property: System.Text.Json.Serialization.JsonPropertyName("device_code")] string Code, string UserCode, string VerificationUri,
    int ExpiresIn, string? VerificationUriComplete = null, int Interval = 5);

/// <summary>RFC 6749 §5.1.</summary>
internal sealed record TokenAnswer(string AccessToken, int ExpiresIn, string? RefreshToken = null, int? RefreshExpiresIn = null)
{
    public static TokenAnswer From(Answer answer)
    {
        var tokens = answer.Read(ClientJson.Default.TokenAnswer);
        return BearerToken.IsSendable(tokens.AccessToken) && (tokens.RefreshToken is null || BearerToken.IsSendable(tokens.RefreshToken))
            ? tokens
            : throw CommandFailure.Unexpected("The server's answer holds no usable token", Answer.WrongServerHint);
    }

    /// <param name="username">The user whose tokens these are.</param>
    /// <param name="clientId">The application that got them.</param>
    /// <param name="sentAt">When the request was sent.</param>
    public StoredSession ToSession(string username, string clientId, DateTimeOffset sentAt) => new(
        username,
        AccessToken,
        sentAt.AddSeconds(ExpiresIn),
        RefreshToken,
        RefreshExpiresIn is { } seconds ? sentAt.AddSeconds(seconds) : null,
        clientId);
}

/// <summary>OpenID Connect Core 1.0 §5.3.2.</summary>
internal sealed record UserInfo(string Sub, string? PreferredUsername = null);
