using AuthMesh.Errors;

namespace AuthMesh.Identity.OpenId;

/// <summary>The refusals of the protocol's endpoints (RFC 6749 §5.2 and others), beside those of malformed requests.</summary>
internal static class OAuthError
{
    /// <summary>The application did not authenticate. What was wrong stays unsaid.</summary>
    public static readonly Failure InvalidClient = new(
        StatusCodes.Status401Unauthorized, "invalid_client", "The client_id or the secret is wrong, or the application is disabled")
    {
        Challenge = "Basic realm=\"authmesh\", charset=\"UTF-8\"", // RFC 7617 §2.1
    };

    public static readonly Failure
        UnsupportedGrant = Of("unsupported_grant_type", "grant_type is not one of those in the metadata of this server"),
        UnauthorizedClient = Of("unauthorized_client", "The application may not use this grant"),
        InvalidScope = Of("invalid_scope", "The application does not have each of these scopes, or one is given twice"),

        // One message for every reason: a thief learns nothing.
        InvalidGrant = Of("invalid_grant", "The code or token is invalid, expired, revoked or another application's"),

        // RFC 8707 §2
        InvalidTarget = Of("invalid_target", "The application may not get tokens for this resource"),
        OneResource = Of("invalid_target", "A token is for one resource: give resource once");

    // RFC 8628 §3.5
    public static readonly Failure
        AuthorizationPending = Of("authorization_pending", "The user has not decided yet. Ask again"),
        SlowDown = Of("slow_down", "That was too early. Wait five seconds longer from now on"),
        AccessDenied = Of("access_denied", "The user refused"),
        ExpiredToken = Of("expired_token", "The user did not decide in time. Begin again");

    private static Failure Of(string code, string message) => new(StatusCodes.Status400BadRequest, code, message);
}
